/** `conclave up` and `conclave node`: the commands that run nodes. */
import { checkQuorums, defaultThreshold, NODE_NAME, TRANSPORTS, type TransportName } from "@conclave/consensus";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { InUse } from "./in-use.ts";
import { up } from "./up/up.ts";

const DEFAULT_NODES = 5;
const DEFAULT_PORT_BASE = 8080;

interface UpFlags {
  readonly nodes?: number;
  readonly names?: readonly string[];
  readonly threshold?: number;
  readonly quorum?: number;
  readonly data: string;
  readonly portBase: number;
  readonly fresh?: true;
  readonly yes?: true;
  readonly once?: true;
  readonly json?: true;
  readonly allowDigests?: true;
  readonly fundSegwit?: true;
  readonly taprootOnly?: true;
  readonly processes?: true;
  readonly inProcess?: true;
  readonly transport?: TransportName;
  readonly tls?: true;
  readonly postgres?: string;
  readonly etcd?: string;
}

const ALLOW_DIGESTS = "sign hashes whose messages nobody shows, with keys for messages (default: refuse)";

/** As in the wallet command, and sysexits' EX_TEMPFAIL: another process is in the way, so that trying later may do. */
const EXIT = { failed: 1, usage: 2, inUse: 75 } as const;

/** Errors of a port that another program has. */
const PORTS: ReadonlySet<string> = new Set(["PortTaken", "PortUnavailable"]);

/** Resolves with the exit code: 0 done, 130 interrupted before it was done, or one of `EXIT`. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command("conclave").exitOverride();
  program
    .command("up")
    .showHelpAfterError('"conclave up --help" shows what there is.')
    .description("start a whole network on this machine, make its key and pay from it")
    .option("--nodes <n>", "how many nodes", wholeNumber(2, 32))
    .option("--names <list>", "their names, separated by commas", nameList)
    .option("--threshold <t>", "how many of them sign", wholeNumber(2, 32))
    .option("--quorum <q>", "how many of them have to approve (default: the threshold)", wholeNumber(2, 32))
    .option("--data <dir>", "where the network lives", ".conclave")
    .option(
      "--port-base <port>",
      "API port of the first node; the others follow",
      wholeNumber(1, 65_000),
      DEFAULT_PORT_BASE,
    )
    .option("--fresh", "start over: forget the network in the data folder, after asking")
    .option("--yes", "do not ask")
    .option("--once", "pay once, then stop")
    .option("--json", "one JSON line per phase")
    .option("--taproot-only", "do not make the segwit key, which takes every node some seconds")
    .option("--fund-segwit", "give the segwit account regtest coins too")
    .option("--allow-digests", ALLOW_DIGESTS)
    .option("--processes", "run every node in a process of its own (the default)")
    .option("--in-process", "run all nodes in this process, with no network between them")
    .addOption(
      new Option(
        "--transport <name>",
        "how processes talk to each other (default: as the nodes agreed; quic for new ones)",
      ).choices(TRANSPORTS),
    )
    .option("--tls", "the same as --transport tls; also for nodes that agreed on QUIC")
    .option("--postgres <url>", "keep the nodes' histories in this PostgreSQL server, a schema for each node")
    .option("--etcd <urls>", "let statements wait in this etcd too for nodes that are away; URLs separated by commas")
    .action(async (flags: UpFlags) => {
      code = await runUp(flags);
    });
  addNode(program, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
    console.error(`conclave: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof InUse || (error instanceof Error && PORTS.has(error.name))) return EXIT.inUse;
    return error instanceof WrongUsage || (error instanceof Error && error.name === "ConfigWrong")
      ? EXIT.usage
      : EXIT.failed;
  }
  return code;
}

/** What a flag says goes before the environment, and that before the file. */
const NODE_SETTINGS = [
  ["--port <port>", "port of its API", "api_port"],
  ["--host <address>", "address that its API listens on", "api_host"],
  ["--listen-quic <host:port>", "where QUIC or TLS listens", "listen_quic"],
  ["--listen-libp2p <multiaddrs>", "where libp2p listens, separated by commas", "listen_libp2p"],
  ["--relays <urls>", "relays, separated by commas", "relays"],
  ["--esplora-url <url>", "where it reads the chain", "esplora_url"],
  [
    "--password-file <file>",
    "file with the vault's password (or CONCLAVE_PASSWORD_FILE, or a prompt)",
    "password_file",
  ],
  ["--log-format <format>", "json or pretty", "log_format"],
  ["--log-level <level>", "trace, debug, info, warn, error or silent", "log_level"],
] as const;

function addNode(program: Command, ended: (code: number) => void): void {
  const command = program
    .command("node")
    .showHelpAfterError('"conclave node --help" shows what there is.')
    .description("run one node of a cluster in a process of its own")
    .requiredOption("--config <file>", 'its configuration, as "conclave init" wrote it')
    .option("--allow-digests", ALLOW_DIGESTS)
    .option("--tls", "TLS over TCP in place of QUIC; every node of the cluster needs it")
    .option("--no-presigning", "take no part in presignatures that others ask for");
  for (const [flag, description] of NODE_SETTINGS) command.option(flag, description);
  command.action(
    async (flags: Readonly<Record<string, string | boolean | undefined>> & { readonly config: string }) => {
      const { resolveConfig } = await import("./cluster/config.ts");
      const { runNode } = await import("./cluster/run-node.ts");
      const typed = NODE_SETTINGS.map(([flag, , setting]) => [setting, flags[camelCased(flag)]] as const);
      const given = typed.flatMap(([setting, value]) => (typeof value === "string" ? [[setting, value] as const] : []));
      const settings = {
        ...Object.fromEntries(given),
        ...(flags["allowDigests"] === true && { allow_digests: "true" }),
        ...(flags["tls"] === true && { tls: "true" }),
        ...(flags["presigning"] === false && { presigning: "false" }),
      };
      ended(await runNode(() => resolveConfig(flags.config, process.env, settings)));
    },
  );
}

/** As commander names the value of a flag. */
const camelCased = (flag: string): string =>
  flag
    .split(" ")[0]!
    .slice(2)
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

async function runUp(flags: UpFlags): Promise<number> {
  const { nodes, threshold: askedThreshold, quorum: askedQuorum, data, portBase } = flags;
  const names = flags.names ?? Array.from({ length: nodes ?? DEFAULT_NODES }, (_, i) => `node${i + 1}`).toSorted();
  if (nodes !== undefined && nodes !== names.length) {
    throw new WrongUsage(`--nodes ${nodes} and ${names.length} names do not agree: leave one of them out`);
  }
  const threshold = askedThreshold ?? defaultThreshold(names.length);
  const quorum = askedQuorum ?? Math.max(threshold, smallestQuorum(names.length, threshold));
  try {
    checkQuorums({ n: names.length, t: threshold, q: quorum });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new WrongUsage(cause.message, { cause });
  }
  if (flags.tls === true && flags.transport !== undefined && flags.transport !== "tls")
    throw new WrongUsage(`--tls and --transport ${flags.transport} contradict each other: give one of them`);
  if (flags.inProcess === true && (flags.processes === true || flags.transport !== undefined || flags.tls === true))
    throw new WrongUsage(
      "--in-process has no processes and no network between them: leave it out, or --processes and --transport",
    );
  if (flags.inProcess === true && (flags.postgres !== undefined || flags.etcd !== undefined))
    throw new WrongUsage("--postgres and --etcd are for nodes in processes of their own: leave --in-process out");
  checkServers(flags);
  if (flags.fresh && !flags.yes && !(await confirmed(`Forget the network in ${data}, its key and its coins?`)))
    return EXIT.failed;
  const asked = { names: flags.names, nodes, threshold: askedThreshold, quorum: askedQuorum };
  const once = flags.once === true;
  const json = flags.json === true;
  return up({
    shape: { names, threshold, quorum },
    asked,
    data,
    portBase,
    fresh: flags.fresh === true,
    once,
    json,
    allowDigests: flags.allowDigests === true,
    transport: flags.inProcess === true ? null : flags.tls === true ? "tls" : (flags.transport ?? "agreed"),
    services: {
      ...(flags.postgres !== undefined && { postgresUrl: flags.postgres }),
      ...(flags.etcd !== undefined && { etcdEndpoints: flags.etcd.split(",") }),
    },
    segwit: flags.taprootOnly === true ? "none" : flags.fundSegwit === true ? "funded" : "empty",
  });
}

/** Options that do not fit together. The message says which would. */
class WrongUsage extends Error {
  override readonly name = "WrongUsage";
}

/** q + t > n + f: the fewest votes with which two payments can never both be approved and signed. */
const smallestQuorum = (n: number, t: number): number => Math.min(n, n + Math.floor((n - 1) / 3) - t + 1);

async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    console.error("conclave: --fresh forgets a key for ever; without a terminal to ask at, add --yes");
    return false;
  }
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue: false });
  return !isCancel(answer) && answer;
}

const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
    return value;
  };

/** Checked before anything is made for them, and never repeated: such an address may hold a password. */
function checkServers({ postgres, etcd }: UpFlags): void {
  const isUrl = (text: string, protocols: RegExp): boolean =>
    URL.canParse(text) && protocols.test(new URL(text).protocol);
  if (postgres !== undefined && !isUrl(postgres, /^postgres(?:ql)?:$/))
    throw new WrongUsage("--postgres takes an address like postgres://USER:PASSWORD@HOST:5432/DATABASE");
  if (etcd !== undefined && !etcd.split(",").every((url) => isUrl(url, /^https?:$/)))
    throw new WrongUsage("--etcd takes addresses like http://127.0.0.1:2379, separated by commas");
}

function nameList(text: string): readonly string[] {
  const names = text.split(",");
  if (names.length < 2 || new Set(names).size !== names.length || !names.every((name) => NODE_NAME.test(name))) {
    throw new InvalidArgumentError("must be two or more different names of a–z, 0–9, - and _, separated by commas");
  }
  return names.toSorted();
}
