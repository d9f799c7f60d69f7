/** What a party's votes said, by what left it. */
import { toHex } from "@conclave/bytes";
import { signedVoteCodec, type Vote } from "@conclave/consensus";
import type { Cluster } from "./cluster.ts";
import { coin, payment, propose, type Payment } from "./payments.ts";

/** What is in an envelope, if it is a vote: opened once, though it was sent to many and is looked at after every run. */
const opened = new WeakMap<Uint8Array, Vote | "no vote">();
function voteIn(cluster: Cluster, wire: Uint8Array): Vote | "no vote" {
  const known = opened.get(wire);
  if (known !== undefined) return known;
  const { header, body } = cluster.reader.open(wire);
  const found = header.kind === "vote" ? signedVoteCodec.decode(body).vote : "no vote";
  opened.set(wire, found);
  return found;
}

/** Values of every vote of a party on a payment that ever left it, by slot; more than one in a slot is a contradiction. */
export function saidBy(cluster: Cluster, party: number, { id }: Payment): ReadonlyMap<string, ReadonlySet<boolean>> {
  const said = new Map<string, Set<boolean>>();
  for (const { from, wire } of cluster.sent) {
    if (from !== party) continue;
    const cast = voteIn(cluster, wire);
    if (cast === "no vote" || toHex(cast.request) !== toHex(id)) continue;
    const slot = `${cast.revision}.${cast.round}`;
    said.set(slot, (said.get(slot) ?? new Set()).add(cast.value));
  }
  return said;
}

/** The n-th payment of a cluster, with a coin of its own, that everybody knows. */
export function fresh(cluster: Cluster, number: number, { origin = 1 } = {}): Payment {
  const paid = payment(cluster, { coins: [coin(number)], idempotencyKey: `request ${number}`, origin });
  propose(cluster, paid, { by: origin });
  return paid;
}
