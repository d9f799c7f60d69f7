import { CliError } from "./exit.ts";
import { reportFailure } from "./output.ts";
import { createProgram } from "./program.ts";

/** Runs the command that `argv` asks for (without interpreter and script). Gives the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.on("error", endQuietly);
  try {
    return await createProgram().run(argv);
  } catch (error) {
    const failure = error instanceof CliError ? error : (await import("./explain.ts")).explain(error);
    reportFailure(failure, wantsJson(argv));
    return failure.exitCode;
  }
}

/** Whoever reads our output may have read enough, as `head` does. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

/** Options may be what could not be read, so this looks at the words themselves. */
const wantsJson = (argv: readonly string[]): boolean =>
  argv.includes("--json") ||
  argv.includes("--output=json") ||
  argv.some((word, i) => word === "json" && argv[i - 1] === "--output");
