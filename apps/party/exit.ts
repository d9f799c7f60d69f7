/** How the command ends: the numbers of the wallet command, because scripts decide by them. */

export const EXIT = {
  ok: 0,
  failed: 1,
  /** What was typed or configured is wrong. */
  usage: 2,
  /** The others typed something else, or a rule forbids it. */
  refused: 3,
  timeout: 4,
  /** A party broke the protocol, and without it too few are left. */
  byzantine: 5,
  /** Something has to be done first, or is not there yet. */
  notReady: 6,
  /** Stopped from the keyboard (128 + SIGINT). */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that is told to the user. `message` says what was wrong and what to do; `problem` is its stable name. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;
  readonly problem: string;
  constructor(exitCode: ExitCode, problem: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

/** Something typed wrong: exit code 2. */
export const usageError = (message: string, options?: ErrorOptions): CommandError =>
  new CommandError(EXIT.usage, "usage", message, options);
