import assert from "node:assert/strict";
import { test } from "node:test";
import { CodecError, equalBytes, fromHex, rawCbor, toHex, type Cbor } from "@conclave/bytes";
import fc from "fast-check";
import {
  checkQuorums,
  defaultThreshold,
  entryOf,
  MAX_NODES,
  parseNodeId,
  rosterCodec,
  rosterHash,
  toleratedFaults,
  type Roster,
  type RosterEntry,
} from "./roster.ts";
import { testCluster } from "./testing/cluster.ts";

const { roster } = testCluster(4);
const [first, second, ...rest] = roster.nodes as readonly [RosterEntry, RosterEntry, ...RosterEntry[]];
const withNodes = (...nodes: readonly RosterEntry[]): Roster => ({ ...roster, nodes });

/** The encoding that a roster would have if nobody checked it. */
const unchecked = ({ cluster, version, nodes }: Roster): Uint8Array =>
  rawCbor.encode([cluster, version, nodes.map(({ id, name, voteKey }): Cbor => [fromHex(id), name, voteKey])]);

/** The point of order 2 (RFC 8032: y = −1): canonical, on the curve, and of small order. */
const SMALL_ORDER = `ec${"ff".repeat(30)}7f`;
/** y = p: decodes to y = 0 where the encoding is not checked. */
const NOT_CANONICAL = `ed${"ff".repeat(30)}7f`;
/** y = 2 is on no point of the curve. */
const NOT_ON_CURVE = `02${"00".repeat(31)}`;

/** A key plus the point of order 2: a valid point that is not torsion-free. (x, y) becomes (−x, −y). */
function mixedOrder(key: Uint8Array): Uint8Array {
  const P = 2n ** 255n - 19n;
  const number = BigInt(`0x${toHex(key.toReversed())}`);
  const y = number & (2n ** 255n - 1n);
  const sign = number >> 255n;
  const negated = (P - y) | ((1n - sign) << 255n);
  return fromHex(negated.toString(16).padStart(64, "0")).toReversed();
}

const refusals: readonly (readonly [string, Roster, RegExp])[] = [
  ["one node", withNodes(first), /2 to 32 values/],
  ["more nodes than a committee holds", withNodes(...testCluster(MAX_NODES + 1).roster.nodes), /2 to 32 values/],
  ["names out of order", withNodes(second, first, ...rest), /ascending order/],
  ["one name twice", withNodes(first, { ...second, name: first.name }), /share a name/],
  ["one envelope key twice", withNodes(first, { ...second, id: first.id }), /share a key/],
  ["one vote key twice", withNodes(first, { ...second, voteKey: first.voteKey }), /share a key/],
  [
    "a node that votes with its envelope key",
    withNodes({ ...first, voteKey: fromHex(first.id) }, second),
    /share a key/,
  ],
  [
    "a node that votes with another's envelope key",
    withNodes(first, { ...second, voteKey: fromHex(first.id) }),
    /share/,
  ],
  ["a name in capitals", withNodes({ ...first, name: "Alice" }, second), /name: expected text matching/],
  ["an empty name", withNodes({ ...first, name: "" }, second), /name: expected text matching/],
  [
    "a name of 33 characters",
    withNodes({ ...first, name: "a".repeat(33) }, second),
    /name: expected text of at most 32/,
  ],
  ["version 0", { ...roster, version: 0 }, /version/],
  ["a nameless cluster", { ...roster, cluster: "" }, /cluster/],
  ...(
    [
      ["of small order", SMALL_ORDER, /prime-order subgroup/],
      ["that is not canonical", NOT_CANONICAL, /canonical|not a point/],
      ["that is no point", NOT_ON_CURVE, /not a point/],
      ["of mixed order", toHex(mixedOrder(second.voteKey)), /prime-order subgroup/],
    ] as const
  ).flatMap(([what, key, reason]): [string, Roster, RegExp][] => [
    [`a vote key ${what}`, withNodes(first, { ...second, voteKey: fromHex(key) }), reason],
    [`an envelope key ${what}`, withNodes(first, { ...second, id: parseNodeId(key) }), reason],
  ]),
];

for (const [what, wrong, reason] of refusals) {
  test(`a roster with ${what} is refused`, () => {
    assert.throws(
      () => rosterCodec.decode(unchecked(wrong)),
      (error) => error instanceof CodecError && reason.test(error.message),
    );
  });
}

test("a roster survives its encoding, and its hash changes with every part of it", () => {
  assert.deepEqual(rosterCodec.decode(rosterCodec.encode(roster)), roster);
  assert.deepEqual(rosterCodec.encode(roster), unchecked(roster));
  const others: readonly Roster[] = [
    { ...roster, cluster: "other" },
    { ...roster, version: 2 },
    withNodes(first, second),
    withNodes({ ...first, name: "node-" }, second, ...rest),
    withNodes({ ...first, voteKey: fromHex(rest[0]!.id) }, second),
  ];
  const hashes = new Set([roster, ...others].map((each) => toHex(rosterHash(each))));
  assert.equal(hashes.size, others.length + 1);
});

test("no hash exists of a roster out of order", () => {
  assert.throws(() => rosterHash(withNodes(second, first)), CodecError);
});

test("an entry is found by its id, a stranger is not", () => {
  assert.equal(entryOf(roster, second.id), second);
  assert.equal(entryOf(withNodes(first), second.id), undefined);
});

test("a node id is 64 lower-case hexadecimal digits", () => {
  for (const wrong of ["", "00", first.id.toUpperCase(), `${first.id}00`, `0x${first.id.slice(2)}`])
    assert.throws(() => parseNodeId(wrong), CodecError);
  assert.equal(parseNodeId(first.id), first.id);
});

test("a change of one key's bits is never the same key", () => {
  fc.assert(
    fc.property(fc.nat(255), (bit) => {
      const changed = second.voteKey.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      const bytes = unchecked(withNodes(first, { ...second, voteKey: changed }));
      try {
        return equalBytes(rosterCodec.decode(bytes).nodes[1]!.voteKey, changed);
      } catch (error) {
        return error instanceof CodecError;
      }
    }),
    { numRuns: 50 },
  );
});

const subsets = (n: number): readonly number[] => Array.from({ length: 2 ** n }, (_, set) => set);

function size(set: number): number {
  let count = 0;
  for (let left = set; left !== 0; left &= left - 1) count += 1;
  return count;
}

/**
 * The fewest nodes that q voters and t signers can have in common. By symmetry the voters are the first q; up to eight nodes
 * every pair of sets is tried all the same.
 */
function smallestIntersection(n: number, t: number, q: number): number {
  const voters = n <= 8 ? subsets(n).filter((set) => size(set) === q) : [2 ** q - 1];
  const signers = subsets(n).filter((set) => size(set) === t);
  return Math.min(...voters.map((yes) => Math.min(...signers.map((willing) => size(yes & willing)))));
}

/**
 * Liars vote for both of two contents and sign both; an honest node does either for one content only. So two contents come
 * apart exactly if q voters for one and t signers of the other can have nobody but liars in common.
 */
test("quorums are accepted exactly if every q voters and t signers share an honest node (n ≤ 12, all t and q)", (t) => {
  let accepted = 0;
  let refused = 0;
  for (let n = 1; n <= 12; n++) {
    for (let threshold = 0; threshold <= n + 1; threshold++) {
      for (let quorum = 0; quorum <= n + 1; quorum++) {
        const inRange = threshold >= 2 && threshold <= n && quorum >= threshold && quorum <= n;
        const safe = inRange && smallestIntersection(n, threshold, quorum) > toleratedFaults(n);
        const check = (): void => checkQuorums({ n, t: threshold, q: quorum });
        if (safe) check();
        else assert.throws(check, RangeError, `n=${n} t=${threshold} q=${quorum}`);
        if (safe) accepted += 1;
        else refused += 1;
      }
    }
  }
  t.diagnostic(`${accepted} accepted, ${refused} refused`);
});

test("the default threshold is a safe quorum for every cluster, and what a refusal advises is accepted", () => {
  for (let n = 2; n <= MAX_NODES; n++) {
    const t = defaultThreshold(n);
    checkQuorums({ n, t, q: t });
    // As many as the liars can be missing or silent.
    assert.ok(n - toleratedFaults(n) >= t);
    for (let threshold = 2; threshold <= n; threshold++) {
      try {
        checkQuorums({ n, t: threshold, q: threshold });
      } catch (error) {
        assert.ok(error instanceof RangeError);
        const [, smallest, largest] = /a quorum of (\d+) to (\d+) would do/.exec(error.message) ?? [];
        const [, other] = /a threshold of (\d+) and the same quorum would do/.exec(error.message) ?? [];
        if (other === undefined) {
          checkQuorums({ n, t: threshold, q: Number(smallest) });
          checkQuorums({ n, t: threshold, q: Number(largest) });
          assert.throws(() => checkQuorums({ n, t: threshold, q: Number(smallest) - 1 }), RangeError);
        } else {
          // Not even everybody's vote would make this threshold safe.
          assert.throws(() => checkQuorums({ n, t: threshold, q: n }), RangeError);
          checkQuorums({ n, t: Number(other), q: Number(other) });
        }
      }
    }
  }
});

test("five nodes tolerate one liar with four votes; fractions and nonsense are refused", () => {
  assert.deepEqual([toleratedFaults(5), defaultThreshold(5)], [1, 4]);
  assert.deepEqual([toleratedFaults(3), defaultThreshold(3)], [0, 3]);
  for (const numbers of [
    { n: 5, t: 4, q: 4.5 },
    { n: 5.5, t: 4, q: 4 },
    { n: 5, t: Number.NaN, q: 4 },
  ])
    assert.throws(() => checkQuorums(numbers), RangeError);
});
