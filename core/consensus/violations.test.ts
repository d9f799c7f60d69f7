import assert from "node:assert/strict";
import { test } from "node:test";
import { CodecError, rawCbor, toHex, utf8, type Cbor } from "@conclave/bytes";
import { tally } from "./tally.ts";
import { filled, places, testCluster } from "./testing/cluster.ts";
import {
  dissenters,
  doubleVoteEvidence,
  evidenceCodec,
  verifyDoubleVote,
  verifyEvidence,
  VIOLATIONS,
  type Accusation,
  type Evidence,
  type EvidenceContext,
} from "./violations.ts";
import type { SignedVote } from "./vote.ts";

const cluster = testCluster(5);
const { engine, roster, ids, signed } = cluster;
const yes = signed(0);
const no = signed(0, { value: false });
const evidenceOf = (a: SignedVote, b: SignedVote): Evidence => doubleVoteEvidence({ first: a, second: b });

/** Verifiers that accept one proof each. */
const context = (accusation?: Accusation): EvidenceContext => ({
  engine,
  roster,
  verifiers: {
    equivocation: (first) => {
      if (first.length !== 1) throw new CodecError("no envelope");
      return accusation;
    },
    protocolFault: (check) => (check === "feldman" ? accusation : undefined),
    wrongVote: () => false,
  },
});

test("two contradictory votes prove themselves to anyone who has the roster, in either order", () => {
  assert.ok(verifyDoubleVote(engine, roster, yes, no));
  assert.ok(verifyDoubleVote(engine, roster, no, yes));
  const reread = evidenceCodec.decode(evidenceCodec.encode(evidenceOf(no, yes)));
  const incident = verifyEvidence(context(), reread);
  assert.deepEqual([incident?.node, incident?.kind], [ids[0], "DoubleVote"]);
});

test("every difference but the journal position makes a double vote; another slot or voter never does", () => {
  for (const other of [
    { digest: filled(90) },
    { policy: filled(90) },
    { wallet: filled(90) },
    { epoch: 90 },
    { fromHeight: 90 },
    { toHeight: 290 },
    { network: "mainnet" },
    { cluster: "other" },
  ])
    assert.ok(verifyDoubleVote(engine, roster, yes, signed(0, other)), Object.keys(other)[0]);
  for (const other of [
    signed(0),
    signed(0, { generation: 90 }),
    signed(0, { request: filled(90), value: false }),
    signed(0, { revision: 90, value: false }),
    signed(0, { round: 90, value: false }),
    signed(1, { value: false }),
  ])
    assert.ok(!verifyDoubleVote(engine, roster, yes, other));
});

test("nobody is accused by a vote that it did not sign, nor by a roster that does not know it", () => {
  const forged: SignedVote = { ...no, signature: yes.signature };
  assert.ok(!verifyDoubleVote(engine, roster, yes, forged));
  assert.ok(!verifyDoubleVote(engine, roster, forged, yes));
  const others = testCluster(6);
  assert.ok(!verifyDoubleVote(engine, roster, others.signed(5), others.signed(5, { value: false })));
  assert.ok(!verifyDoubleVote(others.engine, others.roster, yes, no));
  assert.equal(verifyEvidence(context(), evidenceOf(yes, forged)), undefined);
});

test("an incident is the slot, whichever pair of votes proves it", () => {
  const third = signed(0, { digest: filled(91) });
  const pairs = [
    [yes, no],
    [no, third],
    [third, yes],
  ] as const;
  const incidents = pairs.map(([a, b]) => toHex(verifyEvidence(context(), evidenceOf(a, b))!.id));
  assert.equal(new Set(incidents).size, 1);
  const elsewhere = evidenceOf(signed(0, { round: 6 }), signed(0, { round: 6, value: false }));
  const byAnother = evidenceOf(signed(1), signed(1, { value: false }));
  const more = [elsewhere, byAnother].map((each) => toHex(verifyEvidence(context(), each)!.id));
  assert.equal(new Set([...incidents, ...more]).size, 3);
});

const SLOT = filled(33);
const OPAQUE: readonly Evidence[] = [
  { kind: "Equivocation", first: utf8("a"), second: utf8("b") },
  { kind: "ProtocolFault", check: "feldman", proof: utf8("proof") },
];

test("opaque evidence accuses whom its verifier names, and one slot is one incident for both kinds", () => {
  const accusing = context({ accused: ids[2]!, slot: SLOT });
  const incidents = OPAQUE.map((each) => verifyEvidence(accusing, evidenceCodec.decode(evidenceCodec.encode(each))));
  assert.deepEqual(
    incidents.map((incident) => [incident?.node, incident?.kind]),
    [
      [ids[2], "Equivocation"],
      [ids[2], "ProtocolFault"],
    ],
  );
  assert.deepEqual(incidents[0]?.id, incidents[1]?.id);
});

test("opaque evidence that its verifier refuses, cannot read, or lays on a stranger proves nothing", () => {
  const stranger = context({ accused: testCluster(6).ids[5]!, slot: SLOT });
  for (const each of OPAQUE) {
    assert.equal(verifyEvidence(context(), each), undefined);
    assert.equal(verifyEvidence(stranger, each), undefined);
  }
  const unreadable: Evidence = { kind: "Equivocation", first: utf8("aa"), second: utf8("b") };
  assert.equal(verifyEvidence(context({ accused: ids[2]!, slot: SLOT }), unreadable), undefined);
});

test("a verifier's own mistake is not taken for innocence", () => {
  const broken: EvidenceContext = {
    ...context(),
    verifiers: {
      equivocation: () => {
        throw new TypeError("bug");
      },
      protocolFault: () => undefined,
      wrongVote: () => false,
    },
  };
  assert.throws(() => verifyEvidence(broken, OPAQUE[0]!), TypeError);
});

test("a pair of messages has one encoding", () => {
  for (const evidence of [evidenceOf(yes, no), OPAQUE[0]!]) {
    assert.deepEqual(evidenceOf(yes, no), evidenceOf(no, yes));
    const [kind, [first, second]] = rawCbor.decode(evidenceCodec.encode(evidence)) as unknown as [string, [Cbor, Cbor]];
    for (const pair of [
      [second, first],
      [first, first],
    ])
      assert.throws(() => evidenceCodec.decode(rawCbor.encode([kind, pair])), /not in order/);
  }
  assert.throws(() => evidenceCodec.encode({ kind: "DoubleVote", first: yes, second: yes }), CodecError);
});

test("the largest evidence fits a frame, larger is refused", () => {
  const envelope = (byte: number, size: number): Uint8Array => new Uint8Array(size).fill(byte);
  const pair = (size: number): Evidence => ({
    kind: "Equivocation",
    first: envelope(1, size),
    second: envelope(2, size),
  });
  assert.ok(evidenceCodec.encode(pair(500_000)).length < 1 << 20);
  assert.throws(() => evidenceCodec.encode(pair(500_001)), CodecError);
});

test("document 004's names stay, and only what anyone can check is provable", () => {
  for (const name of ["DoubleVote", "InvalidSignature", "MinorityVote", "Timeout"] as const)
    assert.ok(VIOLATIONS[name] !== undefined);
  const provable = Object.entries(VIOLATIONS).flatMap(([name, row]) => (row.provable ? [name] : []));
  // A minority vote is dissent, and most of it proves nothing: only a yes that a rule refutes comes with evidence.
  assert.deepEqual([...provable, "MinorityVote"].sort(), evidenceKinds().sort());
  assert.equal(VIOLATIONS.MinorityVote.provable, false);
});

function evidenceKinds(): string[] {
  const { field } = evidenceCodec;
  return field.kind === "oneOf" ? [...field.variants.keys()] : [];
}

test("dissent is the same whenever the minority's vote arrived, and empty while the vote is open", () => {
  const votes = [signed(0), signed(1), signed(2), signed(3), signed(4, { value: false })];
  const count = (list: readonly SignedVote[]) => tally(engine, cluster.electorate, cluster.ballot, list);
  for (let i = 0; i < votes.length; i++) {
    const turned = [...votes.slice(i), ...votes.slice(0, i)];
    assert.deepEqual(places(cluster, dissenters(count(turned))), [4]);
  }
  assert.deepEqual(dissenters(count(votes.slice(1))), []);
  const rejected = count([no, signed(1, { value: false }), signed(2)]);
  assert.deepEqual(places(cluster, dissenters(rejected)), [2]);
});
