/** The subcommands and their options. Nothing else is loaded before one of them runs, so that `--help` is quick. */
import { Command, CommanderError } from "commander";
import type { Action } from "./context.ts";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit.ts";
import type { Flags } from "./settings.ts";
import type { Surroundings } from "./surroundings.ts";

const ENVIRONMENT = `
Environment (flags go before it):
  PARTY_ID        this party's number in its group, 1 to 16, counted from 1
  DEST            folder of its data (./data)
  RELAY_URL       relays to meet at, separated by commas (http://127.0.0.1:8080)
  LOG_LEVEL       error, warn, info or debug (info); RUST_LOG is read as well
  WORKER_THREADS  number of threads (CPU count); RAYON_NUM_THREADS and TOKIO_WORKER_THREADS are read as well.
                  A party computes on one thread whatever this says
  CONCLAVE_PASSWORD_FILE  file with the password of the data, readable by you alone

Exit codes: 0 ok, 1 failed, 2 usage, 3 refused, 4 timeout, 5 a party broke the protocol, 6 not ready, 130 interrupted`;

/** Runs what `argv` (without interpreter, script and "party") asks for. Throws `CommandError` or what the command threw. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const runs =
    <Options>(load: () => Promise<Action<Options>>) =>
    async (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command;
      const { openContext } = await import("./context.ts");
      const context = openContext(command.optsWithGlobals<Flags>(), surroundings);
      const action = await load();
      exitCode = await action(context, command.opts() as Options, ...command.args);
    };
  const program = programOf(runs, surroundings);
  if (argv.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  await parse(program, argv);
  return exitCode;
}

type Runs = <Options>(load: () => Promise<Action<Options>>) => (...given: unknown[]) => Promise<void>;

function programOf(runs: Runs, { writeOut }: Surroundings): Command {
  const program = new Command("conclave party")
    .description(
      "Make keys that never exist in one place, and sign with them: people without a cluster, meeting at a relay.",
    )
    .option("--party <id>", "this party's number in its group (or PARTY_ID)")
    .option("--data <dir>", "folder of its data (or DEST)")
    .option("--relay <urls>", "relays, separated by commas (or RELAY_URL)")
    .option("--http", "talk to relays by plain HTTP, where WebSockets do not get through")
    .option("--password-file <file>", "file with the password of the data (or CONCLAVE_PASSWORD_FILE, or a prompt)")
    .option("--log-level <level>", "error, warn, info or debug (or LOG_LEVEL)")
    .option("--threads <n>", "number of threads (or WORKER_THREADS)")
    .option("--json", "print results as JSON")
    .addHelpText("after", ENVIRONMENT)
    .exitOverride()
    .configureOutput({ writeOut, writeErr: () => {} });
  program
    .command("info")
    .description("make this party at first use; print its card and its keys")
    .option("--card", "print the card alone, for passing it on")
    .action(runs(async () => (await import("./commands/info.ts")).info));
  program
    .command("invite")
    .description("from the cards of all parties, make the invite that everybody starts from")
    .argument("<cards...>", "the card of every party")
    .requiredOption("--threshold <t>", "how many of them sign")
    .requiredOption("--scheme <scheme>", "dkls23, frost-taproot, frost-secp256k1 or frost-ed25519")
    .option("--name <name>", "what to call the key", "key")
    .action(runs(async () => (await import("./commands/invite.ts")).invite));
  program
    .command("keygen")
    .description("make the key of an invite together with all its parties")
    .argument("<invite>", 'what "invite" printed')
    .option("--timeout <seconds>", "how long to wait (default: until you stop it)")
    .action(runs(async () => (await import("./commands/keygen.ts")).keygen));
  program
    .command("sign")
    .description("sign, when enough parties type the same")
    .option("--message <text>", "text to sign")
    .option("--file <file>", "file to sign, up to 64 KiB")
    .option("--digest <hex>", "32 bytes to sign whose message is not shown; needs --allow-digest")
    .option("--allow-digest", "sign a digest, whatever it may be of")
    .option("--hash <hash>", "sha256, sha256d or keccak256 (default: sha256)")
    .option("--key <name>", "which key, if there are several")
    .option("--path <path>", "child of the key, such as m/0/5", "m")
    .option("--parties <list>", "who may sign, such as 1,3 (default: all)")
    .option("--timeout <seconds>", "how long to wait (default: until you stop it)")
    .action(runs(async () => (await import("./commands/sign.ts")).sign));
  program
    .command("derive")
    .description("print the public key of a child")
    .requiredOption("--path <path>", "such as m/0/5")
    .option("--key <name>", "which key, if there are several")
    .action(runs(async () => (await import("./commands/derive.ts")).derive));
  program
    .command("refresh")
    .description("give every party a new share of the same key (comes later)")
    .allowExcessArguments()
    .allowUnknownOption()
    .action(() => {
      throw new CommandError(
        EXIT.notReady,
        "not-yet",
        "Refreshing shares comes later. Until then: if a share may be known to others, make a new key and stop using this one.",
      );
    });
  return program;
}

async function parse(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help ends this way as well.
    if (error.exitCode === 0) return;
    const text = error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
    throw usageError(/[.)]$/.test(text) ? text : `${text}: "conclave party --help" shows what there is.`, {
      cause: error,
    });
  }
}
