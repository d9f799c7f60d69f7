/** The commands and their options. Nothing else is loaded before one of them runs, so that `--help` is quick. */
import { Command, CommanderError, Option } from "commander";
import type { Action } from "./context.ts";
import { EXIT, usageError, type ExitCode } from "./exit.ts";
import metadata from "./package.json" with { type: "json" };
import type { Flags } from "./settings.ts";

export interface Program {
  /** Runs what `argv` (without interpreter and script) asks for. Throws `CliError` or what the command threw. */
  run(argv: readonly string[]): Promise<ExitCode>;
}

export function createProgram(): Program {
  let exitCode: ExitCode = EXIT.ok;
  /** Commander's handler for a command whose code is loaded only now. */
  const runs =
    <Options>(load: () => Promise<Action<Options>>) =>
    async (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command;
      const { openContext } = await import("./context.ts");
      const context = openContext(command.optsWithGlobals<Flags>());
      const action = await load();
      exitCode = await action(context, command.opts() as Options, ...command.args);
    };
  const program = rootCommand();
  addWallet(program, runs);
  addPayments(program, runs);
  addSigning(program, runs);
  addTss(program, runs);
  addCluster(program, runs);
  addConfig(program, runs);
  addNetwork(program);
  return {
    run: async (argv) => {
      if (argv.length === 0) program.outputHelp();
      else await parse(program, argv);
      return exitCode;
    },
  };
}

async function parse(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end this way as well.
    if (error.exitCode === 0) return;
    const text =
      error.code === "commander.help"
        ? "Name one of the subcommands above."
        : error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
    throw usageError(
      text.endsWith(".") || text.endsWith(")")
        ? text
        : `${text}: "${named(program, argv)} --help" shows what there is.`,
      { cause: error },
    );
  }
}

/** The command that was meant, as it is typed: whose help says what it takes. */
function named(program: Command, argv: readonly string[]): string {
  let [command, path] = [program, program.name()];
  for (const word of argv) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) continue;
    command = next;
    path = `${path} ${word}`;
  }
  return path;
}

type Runs = <Options>(load: () => Promise<Action<Options>>) => (...given: unknown[]) => Promise<void>;

function rootCommand(): Command {
  return (
    new Command("conclave")
      .description("A Bitcoin wallet whose key never exists in one place: any t of n nodes sign together.")
      .version(metadata.version)
      .option("--api-endpoint <url>", "node to ask (default: http://127.0.0.1:8080)")
      .addOption(new Option("--output <format>", "how to print results (default: table)").choices(["table", "json"]))
      .option("--json", "same as --output json")
      .option("--no-color", "no colours; NO_COLOR does the same")
      .option("--data <dir>", "folder of the local network, which holds the API token (default: .conclave)")
      .exitOverride()
      // Told once, by main, in the form that was asked for.
      .configureOutput({ outputError: () => undefined })
      .showSuggestionAfterError()
      .addHelpText(
        "after",
        "\nExit codes: 0 ok, 1 failed, 2 usage, 3 refused by policy, 4 timeout, 5 Byzantine abort, 6 not ready.",
      )
  );
}

function addWallet(program: Command, runs: Runs): void {
  const wallet = program.command("wallet").description("what the wallet holds, and where to pay it");
  wallet
    .command("balance")
    .description("show the balance")
    .action(runs(async () => (await import("./commands/wallet.ts")).showBalance));
  wallet
    .command("address")
    .description("show the next unused address")
    .option("--account <account>", "taproot (the default) or segwit")
    .action(runs(async () => (await import("./commands/wallet.ts")).showAddress));
}

function addPayments(program: Command, runs: Runs): void {
  program
    .command("send")
    .description("pay")
    .requiredOption("--to <address>", "recipient")
    .requiredOption("--amount <amount>", "50000 (satoshis) or 0.0005btc")
    .option("--fee-rate <sat/vB>", "such as 2.5; the node chooses otherwise")
    .option("--account <account>", "whose coins pay: taproot or segwit; the first whose coins suffice otherwise")
    .option("--metadata <text>", "public note in the transaction, at most 80 bytes")
    .addOption(
      new Option("--wait [state]", "wait until it is in the network, or confirmed")
        .choices(["broadcasting", "confirmed"])
        .preset("broadcasting"),
    )
    .option("--wait-timeout <seconds>", "how long to wait", "180")
    .option("--idempotency-key <key>", "of an earlier try, to be sure to pay once")
    .option("--yes", "do not ask before paying")
    .action(runs(async () => (await import("./commands/send.ts")).send));
  const tx = program.command("tx").description("payments and what became of them");
  tx.command("status")
    .description("show one payment")
    .argument("<txid>", "its id, as send printed it")
    .action(runs(async () => (await import("./commands/transactions.ts")).showTransaction));
  tx.command("list")
    .description("list payments, newest first")
    .option("--limit <n>", "how many at most, 1 to 100", "20")
    .option("--cursor <cursor>", "go on where the last page ended")
    .option("--state <state>", "only payments in this state")
    .action(runs(async () => (await import("./commands/transactions.ts")).listTransactions));
  addApprovals(tx, runs);
}

function addApprovals(tx: Command, runs: Runs): void {
  tx.command("pending")
    .description("list payments that wait for a person to approve them")
    .action(runs(async () => (await import("./commands/approvals.ts")).listPending));
  tx.command("approve")
    .description("approve a payment as this node's operator")
    .argument("<txid>", 'its id, as "conclave tx pending" shows')
    .option("--reason <text>", "for this node's record")
    .option("--max-fee <satoshis>", "the highest fee that is approved; the one that is shown otherwise")
    .option("--yes", "do not ask before deciding")
    .action(runs(async () => (await import("./commands/approvals.ts")).approve));
  tx.command("reject")
    .description("reject a payment as this node's operator")
    .argument("<txid>", 'its id, as "conclave tx pending" shows')
    .requiredOption("--reason <text>", "for this node's record")
    .option("--yes", "do not ask before deciding")
    .action(runs(async () => (await import("./commands/approvals.ts")).reject));
}

function addCluster(program: Command, runs: Runs): void {
  const cluster = program.command("cluster").description("the nodes, and whether they can sign");
  cluster
    .command("status")
    .description("show whether the cluster can sign, and if not, why")
    .action(runs(async () => (await import("./commands/cluster.ts")).showStatus));
  cluster
    .command("nodes")
    .description("list the nodes")
    .action(runs(async () => (await import("./commands/cluster.ts")).listNodes));
  cluster
    .command("evidence")
    .description('export what the node convicted others of: "conclave evidence verify" judges it offline')
    .option("--out <file>", "where to write it; printed otherwise")
    .action(runs(async () => (await import("./commands/evidence.ts")).exportEvidence));
  cluster
    .command("acknowledge")
    .description("let an account go on that is frozen because somebody spent its coins: on this node, in its audit log")
    .argument("<txid>", "the transaction that spent them, as the status names it")
    .requiredOption("--reason <text>", "what was found out about it")
    .action(runs(async () => (await import("./commands/acknowledge.ts")).acknowledge));
  cluster
    .command("rekey")
    .description("have two nodes make their edge of a key anew, after it died")
    .argument("<a>", "name or number of a node")
    .argument("<b>", "name or number of another one")
    .option("--key <key>", "id or name of the key; every key that has edges otherwise")
    .action(runs(async () => (await import("./commands/rekey.ts")).rekey));
}

function addSigning(program: Command, runs: Runs): void {
  addSign(program, runs);
  const keys = program
    .command("keys")
    .description("list the keys of the cluster")
    .action(runs(async () => (await import("./commands/keys.ts")).listKeys));
  addKeygen(keys, "create", runs);
  keys
    .command("presign")
    .description("have signatures prepared, each of which then takes a message one round instead of several")
    .argument("<key>", "id or name of a key for messages")
    .option("--count <n>", "how many, 1 to 20", "10")
    .action(runs(async () => (await import("./commands/keys.ts")).presignKey));
}

/** The commands of document 003, under their own names and under its program's. */
function addTss(program: Command, runs: Runs): void {
  const tss = program.command("tss").description("document 003's names: keygen, keyrefresh, sign, status");
  for (const parent of [program, tss]) {
    addKeygen(parent, "keygen", runs);
    parent
      .command("keyrefresh")
      .description("renew the shares of a key (comes with a later version)")
      .option("--key <key>", "id or name of the key")
      .action(runs(async () => (await import("./commands/later.ts")).keyrefresh));
  }
  addSign(tss, runs);
  tss
    .command("qc")
    .description("change the nodes that hold a key (comes with a later version)")
    .action(runs(async () => (await import("./commands/later.ts")).quorumChange));
  tss
    .command("status")
    .description("the same as cluster status")
    .action(runs(async () => (await import("./commands/cluster.ts")).showStatus));
}

function addKeygen(parent: Command, name: string, runs: Runs): void {
  parent
    .command(name)
    .description("make a key, and wait until every node has certified it")
    .option("--name <name>", "for messages, called so: 1 to 32 lower-case letters, digits, - or _")
    .addOption(new Option("--wallet <account>", "for the wallet's account").choices(["taproot", "segwit"]))
    .option("--wait-timeout <seconds>", "how long to wait for it", "180")
    .action(runs(async () => (await import("./commands/keys.ts")).createKey));
}

function addSign(parent: Command, runs: Runs): void {
  parent
    .command("sign")
    .description("have a message signed with a key for messages")
    .requiredOption("--key <key>", 'id or name of the key, as "conclave keys" shows')
    .option("--message <text>", "sign this text")
    .option("--file <file>", "sign what is in this file")
    .option("--digest <hex>", "sign these 32 bytes as they are; nodes refuse it unless they run with --allow-digests")
    .addOption(
      new Option("--hash <name>", "how the message is hashed (default: sha256)").choices([
        "sha256",
        "sha256d",
        "keccak256",
      ]),
    )
    .option("--wait-timeout <seconds>", "how long to wait for the signature", "180")
    .option("--idempotency-key <key>", "of an earlier try, to get the same signature")
    .action(runs(async () => (await import("./commands/sign.ts")).sign));
}

function addConfig(program: Command, runs: Runs): void {
  const config = program.command("config").description("settings of this command");
  config
    .command("show")
    .description("show every setting and where it comes from")
    .argument("[file]", "configuration of a node; of this command otherwise")
    .action(runs(async () => (await import("./commands/config.ts")).showConfig));
  config
    .command("set-endpoint")
    .description("remember the node to ask")
    .argument("<url>", "such as http://127.0.0.1:8080")
    .action(runs(async () => (await import("./commands/config.ts")).setEndpoint));
  config
    .command("check")
    .description("check settings, token and node")
    .argument("[file]", "configuration of a node: check that, its files, charter, certificate and ports")
    .action(runs(async () => (await import("./commands/config.ts")).checkConfig));
}

/** Listed here for `--help`; another program runs them, so that this one never loads a node. */
function addNetwork(program: Command): void {
  for (const [name, description] of [
    ["up", "start a local network of five nodes"],
    ["init", "found a cluster together with other operators"],
    ["certs", "certificates of nodes, for QUIC and TLS"],
    ["node", "run one node"],
    ["relay", "run a message relay"],
    ["party", "sign with others without a cluster"],
    ["doctor", "look at a node from its own machine: what is wrong, and what mends it"],
    ["audit", "export a node's audit log, or check an exported one offline"],
    ["evidence", "judge exported evidence offline: conclave evidence verify FILE"],
  ] as const) {
    program
      .command(name)
      .description(description)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw usageError(`Write "${name}" first and its options after it: conclave ${name} --help.`);
      });
  }
}
