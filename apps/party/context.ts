import type { ExitCode } from "./exit.ts";
import { createOutput, type Output } from "./output.ts";
import type { Surroundings } from "./surroundings.ts";
import { readSettings, type Flags, type Settings } from "./settings.ts";

/** What every command is given. */
export interface Context {
  readonly settings: Settings;
  readonly out: Output;
}

/** Throws `CommandError` (usage) if a setting is wrong. */
export function openContext(flags: Flags, surroundings: Surroundings): Context {
  const settings = readSettings(flags, surroundings.env);
  return { settings, out: createOutput(settings, surroundings) };
}

/** A command: its options as commander gives them, then its operands. */
export type Action<Options = object> = (
  context: Context,
  options: Options,
  ...operands: readonly string[]
) => Promise<ExitCode>;
