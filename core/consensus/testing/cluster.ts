/** A roster with known keys, votes on one ballot, and an engine that verifies each distinct vote once. For tests only. */
import { toHex, utf8 } from "@conclave/bytes";
import { portableEngine, type Ed25519Signer, type Ed25519Verifier, type Engine } from "@conclave/crypto";
import { defaultThreshold, parseNodeId, type NodeId, type Roster } from "../roster.ts";
import type { Ballot, Electorate } from "../tally.ts";
import { signVote, type SignedVote, type Vote } from "../vote.ts";

/** 32 bytes that differ by their first. */
export const filled = (first: number): Uint8Array => new Uint8Array(32).fill(7).fill(first, 0, 1);

/** The same answers as the engine inside; a signature that was verified once is remembered, byte for byte. */
export function rememberingEngine(engine: Engine = portableEngine): Engine {
  const verifiers = new Map<string, Ed25519Verifier>();
  const remember = (verifier: Ed25519Verifier): Ed25519Verifier => {
    const answers = new Map<string, boolean>();
    return (message, signature) => {
      const key = toHex(message) + toHex(signature);
      const answer = answers.get(key) ?? verifier(message, signature);
      answers.set(key, answer);
      return answer;
    };
  };
  return {
    ...engine,
    ed25519Verifier: (publicKey) => {
      const key = toHex(publicKey);
      const verifier = verifiers.get(key) ?? remember(engine.ed25519Verifier(publicKey));
      verifiers.set(key, verifier);
      return verifier;
    },
  };
}

export interface TestCluster {
  readonly engine: Engine;
  readonly roster: Roster;
  readonly ids: readonly NodeId[];
  /** Vote keys, in roster order. */
  readonly signers: readonly Ed25519Signer[];
  readonly electorate: Electorate;
  readonly ballot: Ballot;
  /** The vote of the i-th node (from 0), approving the ballot unless changed. */
  readonly vote: (i: number, changes?: Partial<Vote>) => Vote;
  readonly signed: (i: number, changes?: Partial<Vote>) => SignedVote;
}

/** `n` nodes named node-00, node-01, …, the default quorum, nobody banned, every policy pinned. */
export function testCluster(n: number): TestCluster {
  const engine = rememberingEngine();
  const signerOf = (key: string, i: number): Ed25519Signer =>
    engine.ed25519Signer(engine.sha256(utf8(`${key} key of node ${i} of ${n}`)));
  const signers = Array.from({ length: n }, (_, i) => signerOf("vote", i));
  const nodes = signers.map(({ publicKey }, i) => ({
    id: parseNodeId(toHex(signerOf("envelope", i).publicKey)),
    name: `node-${String(i).padStart(2, "0")}`,
    voteKey: publicKey,
  }));
  const roster: Roster = { cluster: "test", version: 1, nodes };
  const ids = nodes.map(({ id }) => id);
  const content = {
    cluster: "test",
    network: "regtest",
    wallet: filled(1),
    request: filled(2),
    revision: 3,
    digest: filled(4),
    round: 5,
    epoch: 6,
    fromHeight: 100,
    toHeight: 200,
  };
  const vote = (i: number, changes: Partial<Vote> = {}): Vote => ({
    domain: "conclave/vote/v1",
    ...content,
    policy: filled(8),
    generation: 9 + i,
    voter: ids[i]!,
    value: true,
    ...changes,
  });
  return {
    engine,
    roster,
    ids,
    signers,
    electorate: { roster, committee: ids, quorum: defaultThreshold(n), banned: new Set() },
    ballot: { ...content, policies: new Map(ids.map((id) => [id, filled(8)])) },
    vote,
    signed: (i, changes) => signVote(signers[i]!, vote(i, changes)),
  };
}

/** A conversion for tests that compare sets of nodes by their places in the roster. */
export const places = (cluster: TestCluster, ids: Iterable<NodeId>): readonly number[] =>
  [...ids].map((id) => cluster.ids.indexOf(id)).sort((a, b) => a - b);
