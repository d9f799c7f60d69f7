/** The operator's commands: found a cluster, keep its certificates, look whether a node's configuration is right. */
import { Command, CommanderError } from "commander";
import { addCerts } from "./certs-command.ts";
import { addInit } from "./command.ts";
import { addConfig } from "./config-command.ts";

/** As in the wallet command, and sysexits' EX_TEMPFAIL. */
const EXIT = { failed: 1, usage: 2, inUse: 75 } as const;

/** What was typed or configured is wrong; everything else went wrong in doing it. */
const USAGE: ReadonlySet<string> = new Set(["WrongUsage", "ConfigWrong", "PasswordMissing"]);

/** Resolves with the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command("conclave").exitOverride();
  addInit(program);
  addCerts(program);
  addConfig(program, (ended) => {
    code = ended;
  });
  program
    .command("doctor")
    .description(
      "look at everything about one node from its own machine, running or not; each fault with what mends it",
    )
    .option("--config <file>", "its config.json")
    .option("--data <dir>", "the folder that holds it (default: the present one)")
    .option("--json", "for programs")
    .action(async (flags: { readonly config?: string; readonly data?: string; readonly json?: true }) => {
      const { doctor } = await import("../../doctor/doctor.ts");
      code = await doctor({ ...flags, json: flags.json === true, say: console.log });
    });
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
    const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
    const exitCode = name === "InUse" ? EXIT.inUse : USAGE.has(name) ? EXIT.usage : EXIT.failed;
    const told = { error: { problem: USAGE.has(name) ? "usage" : "failed", detail: message, exit_code: exitCode } };
    console.error(argv.includes("--json") ? JSON.stringify(told) : `conclave: ${message}`);
    return exitCode;
  }
  return code;
}
