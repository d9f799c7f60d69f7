/** How the command ends: scripts decide by these numbers, so they never change. */

export const EXIT = {
  ok: 0,
  failed: 1,
  /** What was typed or configured is wrong. */
  usage: 2,
  /** The cluster's policy or votes refused. */
  refused: 3,
  timeout: 4,
  /** Too few voters remained that did not contradict themselves. */
  byzantine: 5,
  /** No node answers, or it cannot work now. */
  notReady: 6,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that is told to the user. `message` says what was wrong and what to do; `problem` is its stable name. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;
  readonly problem: string;
  constructor(exitCode: ExitCode, problem: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** Something typed wrong: exit code 2. */
export const usageError = (message: string, options?: ErrorOptions): CliError =>
  new CliError(EXIT.usage, "usage", message, options);
