/** `conclave init`: the steps in which operators found a cluster, none of whom ever holds another node's secret. */
import { resolve } from "node:path";
import { TRANSPORTS, type Charter, type TransportName } from "@conclave/consensus";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Lines } from "./node-dir.ts";

/** Bitcoin networks, as the charter knows them. */
const NETWORKS = [
  "mainnet",
  "testnet",
  "testnet4",
  "signet",
  "regtest",
] as const satisfies readonly Charter["network"][];

const list = (text: string): readonly string[] => text.split(",").filter((item) => item !== "");

const number = (text: string): number => {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("must be a whole number");
  return Number(text);
};

/** What of config.json can be given at once; the rest is written into the file. */
const SETTINGS = [
  ["--listen-quic <host:port>", "where QUIC or TLS listens (default: 0.0.0.0:9000)", "listen_quic", String],
  ["--advertise-quic <host:port>", "where peers find it, if elsewhere; several by commas", "advertise_quic", list],
  ["--listen-libp2p <multiaddrs>", "where libp2p listens, separated by commas", "listen_libp2p", list],
  ["--advertise-libp2p <multiaddrs>", "where peers find it, if elsewhere", "advertise_libp2p", list],
  ["--relays <urls>", "relays it meets the others at, separated by commas", "relays", list],
  ["--port <port>", "port of its API (default: 8080)", "api_port", number],
  ["--host <address>", "address that its API listens on (default: 127.0.0.1)", "api_host", String],
] as const;

interface NodeFlags extends Readonly<Record<string, unknown>> {
  readonly name: string;
  readonly cluster: string;
  readonly dir: string;
  readonly esploraUrl: string;
  readonly passwordFile?: string;
}

interface CharterFlags {
  readonly dir: string;
  readonly network: Charter["network"];
  readonly transport: TransportName;
  readonly threshold?: number;
  readonly quorum?: number;
  readonly genesis?: string;
  readonly out?: string;
}

const DIR = ["--dir <dir>", "the node's folder"] as const;

export function addInit(program: Command): void {
  const init = program
    .command("init")
    .description("found a cluster together with other operators: node, charter, sign, finish, in this order");
  addNode(init);
  addCharter(init);
  init
    .command("sign")
    .description("look at the draft of a charter and have your node sign it")
    .requiredOption(...DIR)
    .option("--yes", "do not ask; --fingerprint has to be given")
    .option("--fingerprint <digits>", "what the other operators read out: sign nothing else")
    .argument("<draft>", "the draft that all operators sign")
    .argument("[cards...]", "the cards of the other nodes, each as its operator sent it")
    .action(
      async (
        draft: string,
        cards: string[],
        flags: { readonly dir: string; readonly yes?: true; readonly fingerprint?: string },
      ) => {
        const { signDraft } = await import("./sign.ts");
        const { dir, yes, fingerprint } = flags;
        const wish = { dir, draft, cards, yes: yes === true, say: (line: string) => console.log(line) };
        print(await signDraft({ ...wish, ...(fingerprint === undefined ? {} : { fingerprint }) }));
      },
    );
  init
    .command("finish")
    .description("take the charter, signed by all, into your node")
    .requiredOption(...DIR)
    .argument("<draft>", "the draft that all operators signed")
    .argument("[signatures...]", "the signatures of the other nodes")
    .action(async (draft: string, signatures: string[], { dir }: { readonly dir: string }) => {
      const { finish } = await import("./finish.ts");
      print(finish({ dir, draft, signatures }));
    });
  init
    .command("card")
    .description("sign a new card after an address or a key of your node changed")
    .requiredOption(...DIR)
    .action(async ({ dir }: { readonly dir: string }) => {
      const { renewCard } = await import("./cards.ts");
      print(await renewCard(dir));
    });
  init
    .command("add-card")
    .description("take in a newer card of another node")
    .requiredOption(...DIR)
    .argument("<cards...>", "as their operators sent them")
    .action(async (cards: string[], { dir }: { readonly dir: string }) => {
      const { addCards } = await import("./cards.ts");
      print(addCards(dir, cards));
    });
}

function addNode(init: Command): void {
  const command = init
    .command("node")
    .description("make your node: its vault, its keys, its configuration, and a card for the others")
    .requiredOption("--name <name>", "what to call it: unique in the cluster")
    .requiredOption("--cluster <name>", "what the cluster is called: the same for all")
    .requiredOption("--dir <dir>", "a new folder, for this node alone")
    .requiredOption("--esplora-url <url>", "where it reads the chain")
    .option("--password-file <file>", "file with the vault's password (or CONCLAVE_PASSWORD_FILE, or a prompt)");
  for (const [flag, description, , parse] of SETTINGS) command.option(flag, description, (text) => parse(text));
  command.action(async (flags: NodeFlags) => {
    const { makeNode } = await import("./make-node.ts");
    const { name, cluster, dir, esploraUrl, passwordFile } = flags;
    const given = SETTINGS.map(([flag, , setting]) => [setting, flags[nameOf(flag)]] as const);
    const settings = {
      esplora_url: esploraUrl,
      ...(passwordFile === undefined ? {} : { password_file: resolve(passwordFile) }),
      ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
    };
    print(await makeNode({ dir, name, cluster, settings }));
  });
}

function addCharter(init: Command): void {
  init
    .command("charter")
    .description("draft the charter from the cards of all nodes: one operator does it for all")
    .requiredOption(...DIR)
    .addOption(new Option("--network <name>", "whose coins the cluster keeps").choices(NETWORKS).makeOptionMandatory())
    .addOption(new Option("--transport <name>", "how the nodes talk").choices(TRANSPORTS).default("quic"))
    .option("--threshold <t>", "how many shares sign (default: more than two thirds)", number)
    .option("--quorum <q>", "how many nodes have to approve (default: the fewest that are safe)", number)
    .option("--genesis <time>", "when the cluster's ledger began, in UTC (default: this minute)")
    .option("--out <file>", "where to write it (default: in the node's public folder)")
    .argument("<cards...>", "the cards of the other nodes")
    .action(async (cards: string[], flags: CharterFlags) => {
      const { draftCharter } = await import("./draft.ts");
      print(draftCharter({ ...flags, cards, nowMs: Date.now() }));
    });
}

/** As commander names the value of a flag. */
const nameOf = (flag: string): string => new Option(flag).attributeName();

export function print(lines: Lines): void {
  for (const line of lines) console.log(line);
}
