/** `init charter`: what the operators are to agree on, put together from their cards by any one of them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { equalBytes } from "@conclave/bytes";
import {
  charterHash,
  checkQuorums,
  defaultThreshold,
  signedCharterCodec,
  toleratedFaults,
  type Charter,
  type TransportName,
} from "@conclave/consensus";
import { rosterOf } from "../founding.ts";
import { readCharter } from "../node-folder.ts";
import { FileUnusable, writePrivate } from "../private-files.ts";
import { printToken } from "../tokens.ts";
import { newestCards, ownCard, readCards } from "./cards.ts";
import { checkReachable } from "./endpoints.ts";
import { describeCharter, fingerprintOf } from "./fingerprint.ts";
import { openNodeDir, type Lines } from "./node-dir.ts";
import { WrongUsage } from "./wrong-usage.ts";

/** A genesis is rounded down to whole minutes: people may have to type it. */
const MINUTE_MS = 60_000;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z$/;

export interface DraftWish {
  readonly dir: string;
  readonly cards: readonly string[];
  readonly network: Charter["network"];
  readonly transport: TransportName;
  readonly threshold?: number;
  readonly quorum?: number;
  /** RFC 3339 in UTC. */
  readonly genesis?: string;
  readonly out?: string;
  readonly nowMs: number;
}

/** Throws `WrongUsage` or `FileUnusable`. */
export function draftCharter(wish: DraftWish): Lines {
  const node = openNodeDir(wish.dir);
  const own = ownCard(node);
  const cards = newestCards([own, ...readCards(wish.cards)]);
  const { cluster } = own.card;
  const stranger = cards.find(({ card }) => card.cluster !== cluster);
  if (stranger !== undefined)
    throw new FileUnusable(
      `${stranger.card.name}'s card is for the cluster ${stranger.card.cluster}, and this node is of ${cluster}`,
    );
  if (cards.length < 2) throw new WrongUsage("name the cards of the other nodes: a cluster has at least two");
  checkReachable(wish.transport, cards);
  const file = wish.out ?? join(node.publicDir, `${cluster}.charter`);
  const before = existsSync(file) ? readCharter(file).charter : null;
  const charter: Charter = {
    version: 1,
    roster: { cluster, version: 1, nodes: [...rosterOf(cards)] },
    network: wish.network,
    ...numbers(cards.length, wish),
    // A draft that is written again the same is the same draft.
    genesisMs: wish.genesis === undefined ? (before?.genesisMs ?? rounded(wish.nowMs)) : parseGenesis(wish),
    transport: wish.transport,
  };
  if (before === null)
    writePrivate(file, printToken("charter", signedCharterCodec.encode({ charter, signatures: [] })));
  else if (!equalBytes(charterHash(before), charterHash(charter)))
    throw new FileUnusable(
      `${file} holds another draft (${fingerprintOf(before)}): move it away if nobody signs it, or name another file with --out`,
    );
  return [
    ...describeCharter(charter),
    "",
    `Draft: ${file}`,
    "Send it to every operator. Each of them, this one too, runs: conclave init sign --dir DIR DRAFT CARD…",
  ];
}

/** Throws `WrongUsage` naming numbers that would do. */
function numbers(
  n: number,
  { threshold: askedThreshold, quorum: askedQuorum }: Pick<DraftWish, "threshold" | "quorum">,
): Pick<Charter, "threshold" | "quorum"> {
  const threshold = askedThreshold ?? defaultThreshold(n);
  // q + t > n + f: the fewest votes with which two payments can never both be approved and signed.
  const quorum = askedQuorum ?? Math.max(threshold, Math.min(n, n + toleratedFaults(n) - threshold + 1));
  try {
    checkQuorums({ n, t: threshold, q: quorum });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new WrongUsage(cause.message, { cause });
  }
  return { threshold, quorum };
}

const rounded = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;

function parseGenesis({ genesis = "", nowMs }: DraftWish): number {
  const ms = Date.parse(genesis);
  if (!ISO_TIME.test(genesis) || Number.isNaN(ms))
    throw new WrongUsage(
      `--genesis is a time in UTC such as ${new Date(rounded(nowMs)).toISOString()}; this is ${JSON.stringify(genesis)}`,
    );
  if (ms > nowMs) throw new WrongUsage(`--genesis ${genesis} is still to come: a cluster's ledger has begun`);
  return ms;
}
