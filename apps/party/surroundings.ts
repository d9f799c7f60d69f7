import type { Environment } from "./settings.ts";

/** What a command has around it. */
export interface Surroundings {
  readonly env: Environment;
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
}

export const PROCESS: Surroundings = {
  env: process.env,
  writeOut: (text) => void process.stdout.write(text),
  writeErr: (text) => void process.stderr.write(text),
};
