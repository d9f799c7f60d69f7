/** A member that lies, what it signs, and who bans it. */
import { signedVoteCodec, signVote, type Vote } from "@conclave/consensus";
import { Cluster } from "./cluster.ts";
import { payment, propose, vote, type Payment } from "./payments.ts";

/** The party that lies, in a cluster of five. */
export const LIAR = 5;

/** Whom a party bans. */
export const bannedAt = (cluster: Cluster, party: number): readonly number[] =>
  cluster
    .node(party)
    .custody.status()
    .bans.map(({ node }) => cluster.partyOf(node));

/** A vote of a party, signed by it, like the one that party 1 cast but for `change`. */
export const voteBy = (cluster: Cluster, party: number, paid: Payment, change: Partial<Vote> = {}): Uint8Array => {
  const { vote: own } = signedVoteCodec.decode(
    cluster.events(1, "voted").find(({ voter }) => voter === cluster.idOf(1))!.vote,
  );
  const { identity } = cluster.node(party);
  const signed = signVote(identity.vote, { ...own, voter: identity.id, ...change });
  return cluster.forge(party, { kind: "vote", request: paid.id, round: "1.1" }, signedVoteCodec.encode(signed));
};

/** A vote of a party that never asked its own custody. */
export function forgedVote(
  cluster: Cluster,
  party: number,
  paid: Payment,
  { value }: { readonly value: boolean },
): Uint8Array {
  const { identity } = cluster.node(party);
  const { request, id, number, digest } = paid;
  const signed = signVote(identity.vote, {
    domain: "conclave/vote/v1",
    cluster: "local",
    network: "regtest",
    wallet: request.wallet,
    request: id,
    revision: number,
    digest,
    round: 1,
    policy: new Uint8Array(32),
    epoch: 0,
    fromHeight: request.height,
    toHeight: request.expiresHeight,
    generation: 9,
    voter: identity.id,
    value,
  });
  return cluster.forge(party, { kind: "vote", request: id, round: "1.1" }, signedVoteCodec.encode(signed));
}

/** A payment that party 1 proposed and voted for. */
export const proposed = () => {
  const cluster = new Cluster().start();
  const paid = payment(cluster);
  propose(cluster, paid);
  vote(cluster, 1, paid);
  cluster.pump();
  return { cluster, paid };
};
