/** What every command is given. */
import type { ExitCode } from "./exit.ts";
import { createOutput, type Output } from "./output.ts";
import { resolveSettings, type Flags, type Settings } from "./settings.ts";

export interface Context {
  readonly settings: Settings;
  readonly out: Output;
}

/** Throws `CliError` (usage) if a setting is wrong. */
export function openContext(flags: Flags): Context {
  const settings = resolveSettings(flags, process.env);
  const out = createOutput({ json: settings.output.value === "json", colored: settings.colored.value });
  return { settings, out };
}

/** A command: its options as commander gives them, then its operands. */
export type Action<Options = object> = (context: Context, options: Options, ...operands: string[]) => Promise<ExitCode>;
