import { CommandError } from "./exit.ts";
import { reportFailure } from "./output.ts";
import { run } from "./program.ts";

/** `conclave party …`: `argv` without "party". Gives the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.on("error", endQuietly);
  try {
    return await run(argv);
  } catch (error) {
    const failure = error instanceof CommandError ? error : (await import("./explain.ts")).explain(error);
    reportFailure(failure, argv.includes("--json"));
    return failure.exitCode;
  } finally {
    process.stdout.off("error", endQuietly);
  }
}

/** Whoever reads our output may have read enough, as `head` does. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}
