import { CommandError } from "./exit.ts";
import { failureText } from "./output.ts";
import { run } from "./program.ts";
import { PROCESS, type Surroundings } from "./surroundings.ts";

/** `conclave party …`: `argv` without "party". Gives the exit code; never throws. */
export async function main(argv: readonly string[], surroundings: Surroundings = PROCESS): Promise<number> {
  process.stdout.on("error", endQuietly);
  try {
    return await run(argv, surroundings);
  } catch (error) {
    const failure = error instanceof CommandError ? error : (await import("./explain.ts")).explain(error);
    surroundings.writeErr(failureText(failure, argv.includes("--json")));
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
