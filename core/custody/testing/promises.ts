/** What a node has said and what it has promised, held against each other: the checks behind every crash test. */
import { toHex } from "@conclave/bytes";
import { contradicts, signedVoteCodec, type SignedVote } from "@conclave/consensus";
import { ackCodec } from "../attempts.ts";
import { SLOTTED, slotOf, type Envelope } from "../envelope.ts";
import { isSpent, replay } from "../locks/index.ts";
import { intentOf } from "../locks/index.ts";
import type { Cluster } from "./cluster.ts";

const journalOf = (cluster: Cluster, party: number) =>
  replay(
    (function* () {
      for (const [i, record] of cluster.node(party).journalDisk.records.entries()) yield { position: i + 1, record };
    })(),
  );

const spokenBy = (cluster: Cluster, party: number): readonly Envelope[] => {
  const wires = new Map(cluster.sent.filter(({ from }) => from === party).map(({ wire }) => [toHex(wire), wire]));
  return [...wires.values()].map((wire) => cluster.reader.open(wire));
};

/**
 * What is wrong with what a node said, over all its starts: promises that are not on its disk, two contents in one slot, two
 * contradictory votes, a nonce commitment or an ephemeral key used twice. Empty if all is well.
 */
export function brokenPromises(cluster: Cluster, party: number): readonly string[] {
  const state = journalOf(cluster, party);
  const found: string[] = [];
  const slots = new Map<string, string>();
  const once = new Map<string, string>();
  const votes: SignedVote["vote"][] = [];
  const unique = (what: string, value: Uint8Array, place: string): void => {
    const key = `${what} ${toHex(value)}`;
    if (once.has(key) && once.get(key) !== place) found.push(`${key} used twice`);
    once.set(key, place);
  };
  for (const { header, body, wire } of spokenBy(cluster, party)) {
    const slot = toHex(slotOf(header));
    if (SLOTTED.has(header.kind)) {
      if (slots.has(slot) && slots.get(slot) !== toHex(wire))
        found.push(`two contents of ${header.kind} ${header.round}`);
      slots.set(slot, toHex(wire));
    }
    if (header.kind === "vote") {
      const { vote } = signedVoteCodec.decode(body);
      const ballot = intentOf(state, { wallet: vote.wallet, intent: vote.request })?.ballots.get(vote.revision);
      if (ballot?.get(vote.round)?.value !== vote.value)
        found.push(`vote ${vote.revision}.${vote.round} is not on disk`);
      if (votes.some((other) => contradicts(other, vote))) found.push("two contradictory votes");
      votes.push(vote);
    }
    if (header.kind === "ack") {
      unique("ephemeral key", ackCodec.decode(body).ephemeral, slot);
      if (!state.attempts.has(toHex(header.request!))) found.push("an ack without its attempt on disk");
    }
    if (header.kind === "step/broadcast" && header.round === "frost/sign/1") unique("nonce", body, toHex(header.ssid!));
    if (header.kind === "step/broadcast" && header.round === "frost/sign/2") {
      if (!isSpent(state, "nonce", header.ssid!)) found.push("a partial whose nonce is not spent on disk");
      const intent = [...state.intents.values()].find(({ id }) => id === toHex(header.request!));
      if (intent?.anchor === null || intent === undefined) found.push("a partial without an anchor on disk");
    }
    if (header.kind === "certificate") {
      const shares = [...cluster.node(party).vaultDisk.records.keys()].filter((name) => name.startsWith("share/"));
      if (shares.length === 0) found.push("a certificate without a share on disk");
    }
  }
  return found;
}

/** Every transaction that any node handed out, by id. Two for one request that do not share a coin would be a double payment. */
export const transactionsOf = (cluster: Cluster): ReadonlySet<string> =>
  new Set(cluster.all.flatMap((party) => cluster.events(party, "signed").map(({ txid }) => txid)));
