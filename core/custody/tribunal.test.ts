/** Who is banned, on what evidence, and who never is. */
import { equalBytes, rawCbor } from "@conclave/bytes";
import { BAN_DURATIONS_MS, evidenceCodec, signedVoteCodec, signVote, type Evidence } from "@conclave/consensus";
import { nodeEngine } from "@conclave/engine-node";
import { roundOf, viewHash } from "@conclave/protocol";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ceremonies } from "./ceremonies.ts";
import { EnvelopeReader, SLOTTED, type Envelope, type HeaderFields, type Kind } from "./envelope.ts";
import { SafetyLog } from "./safety-log.ts";
import { Cluster, ecdsa, taproot } from "./testing/cluster.ts";
import { memoryJournal } from "./testing/memory-journal.ts";
import { approve, paidAt, sign } from "./testing/payments.ts";
import { bannedAt, LIAR, proposed, voteBy } from "./testing/suspects.ts";
import { headerBytes, resign } from "./testing/wires.ts";
import { equivocationEvidence, faultEvidence, Tribunal } from "./tribunal.ts";

const HONEST = [1, 2, 3, 4];
const HOUR_MS = 3_600_000;

const everybodyBans = (cluster: Cluster, whom: readonly number[]): void => {
  for (const party of HONEST) assert.deepEqual(bannedAt(cluster, party), whom, `party ${party}`);
};

/** A judge with a roster and the protocols, who was not there. */
const judgeAlone = (cluster: Cluster): Tribunal =>
  new Tribunal({
    engine: nodeEngine,
    roster: cluster.roster,
    log: new SafetyLog(memoryJournal()),
    reader: new EnvelopeReader(nodeEngine, cluster.roster, cluster.rosterHash),
    protocols: Ceremonies.protocols([taproot]),
  });

const convicts = (cluster: Cluster, evidence: Evidence): number | null => {
  const conviction = judgeAlone(cluster).judge(evidence, 1);
  return conviction === null ? null : cluster.partyOf(conviction.node);
};

/** The evidence that a node's host was given, from bytes. */
const evidenceAt = (cluster: Cluster, party: number): Evidence =>
  evidenceCodec.decode(cluster.events(party, "violation").at(-1)!.evidence);

describe("a double vote", () => {
  const doubleVote = () => {
    const { cluster, paid } = proposed();
    cluster.deliver(2, voteBy(cluster, LIAR, paid, { value: true }));
    cluster.deliver(2, voteBy(cluster, LIAR, paid, { value: false }));
    cluster.pump();
    return { cluster, paid };
  };

  test("bans its voter everywhere once one node has seen both, and the evidence convinces a stranger", () => {
    const { cluster } = doubleVote();
    everybodyBans(cluster, [LIAR]);
    for (const party of HONEST) {
      const evidence = evidenceAt(cluster, party);
      assert.equal(evidence.kind, "DoubleVote");
      assert.equal(convicts(cluster, evidence), LIAR);
      assert.equal(cluster.events(party, "violation").length, 1);
    }
  });

  test("does not stop the payment: the four honest ones go on, and the liar's yes is not counted", () => {
    const { cluster, paid } = doubleVote();
    approve(cluster, paid, { by: [2, 3] });
    // Three yes of honest voters and the liar's are not four.
    assert.deepEqual(cluster.events(1, "verdict"), []);
    approve(cluster, paid, { by: [4] });
    assert.equal(cluster.events(1, "verdict").at(-1)?.verdict, "approved");
    sign(cluster, paid, { members: HONEST });
    for (const party of HONEST) assert.ok(paidAt(cluster, paid).includes(party));
  });

  test("in other words is no contradiction: the same vote at another journal position", () => {
    const { cluster, paid } = proposed();
    cluster.deliver(2, voteBy(cluster, LIAR, paid, { generation: 3 }));
    cluster.deliver(2, voteBy(cluster, LIAR, paid, { generation: 4 }));
    cluster.pump();
    everybodyBans(cluster, []);
  });

  test("in another's name bans nobody", () => {
    const { cluster, paid } = proposed();
    const { identity } = cluster.node(LIAR);
    const { vote: own } = signedVoteCodec.decode(cluster.events(1, "voted")[0]!.vote);
    for (const value of [true, false]) {
      const signed = signVote(identity.vote, { ...own, voter: cluster.idOf(3), value });
      const fields = { kind: "vote" as const, request: paid.id, round: "1.1" };
      cluster.deliver(2, cluster.forge(LIAR, fields, signedVoteCodec.encode(signed)));
    }
    cluster.pump();
    everybodyBans(cluster, []);
    assert.match(cluster.dropped(2).join(), /a vote travels in its voter's own envelope/);
  });

  test("ends its ban after a day; the record outlives a restart", () => {
    const { cluster } = doubleVote();
    cluster.restart(1);
    cluster.pump();
    assert.deepEqual(bannedAt(cluster, 1), [LIAR]);
    const [ban] = cluster.node(1).custody.status().bans;
    assert.deepEqual([ban!.strike, ban!.untilMs! - ban!.sinceMs], [1, BAN_DURATIONS_MS[0]]);
  });
});

describe("equivocation", () => {
  const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  /** Two different contents that fill one slot, for each kind that has slots. */
  const fieldsOf = (cluster: Cluster, kind: Kind): HeaderFields => {
    const handshake = { kind, request: bytes(1), attempt: 3, round: "1.1" };
    const step = {
      ...handshake,
      protocol: "frost-secp256k1-taproot/sign/v1",
      ssid: bytes(2),
      key: bytes(3),
      round: "frost/sign/1",
      view: bytes(4),
      senderIndex: LIAR,
    };
    if (kind === "ack") return { ...handshake, receiver: cluster.idOf(2) };
    if (kind === "step/direct") return { ...step, receiver: cluster.idOf(2), receiverIndex: 2 };
    return kind.startsWith("step/") ? step : handshake;
  };

  for (const kind of SLOTTED) {
    test(`in a ${kind} bans its sender everywhere, and the evidence convinces a stranger`, () => {
      const cluster = new Cluster().start();
      for (const fill of [7, 8]) cluster.deliver(2, cluster.forge(LIAR, fieldsOf(cluster, kind), bytes(fill)));
      cluster.pump();
      everybodyBans(cluster, [LIAR]);
      const evidence = evidenceAt(cluster, 4);
      assert.equal(evidence.kind, "Equivocation");
      assert.equal(convicts(cluster, evidence), LIAR);
    });
  }

  test("at the largest size that is let in still fits into the record of the ban", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    for (const fill of [7, 8]) {
      const wire = cluster.forge(
        4,
        { kind: "setup", request: bytes(1), round: "1.1" },
        new Uint8Array(100_000).fill(fill),
      );
      cluster.deliver(2, wire);
    }
    cluster.pump();
    for (const party of [1, 2, 3]) assert.deepEqual(bannedAt(cluster, party), [4]);
  });

  test("counts once, however many proofs of it there are; another act is another strike", () => {
    const cluster = new Cluster().start();
    const fields = fieldsOf(cluster, "setup");
    for (const fill of [7, 8, 9, 10]) cluster.deliver(2, cluster.forge(LIAR, fields, bytes(fill)));
    cluster.pump();
    const strikes = (): number[] => HONEST.map((party) => cluster.node(party).custody.status().bans[0]!.strike);
    assert.deepEqual(strikes(), [1, 1, 1, 1]);
    for (const fill of [7, 8]) cluster.deliver(3, cluster.forge(LIAR, { ...fields, attempt: 4 }, bytes(fill)));
    cluster.pump();
    assert.deepEqual(strikes(), [2, 2, 2, 2]);
    cluster.nowMs += 6 * 24 * HOUR_MS;
    const evidence = cluster.events(1, "violation")[0]!.evidence;
    cluster.deliver(1, cluster.forge(LIAR, { kind: "evidence" }, evidence));
    assert.deepEqual(strikes(), [2, 2, 2, 2]);
  });

  test("is not the same content again, nor contents of different slots", () => {
    const cluster = new Cluster().start();
    const fields = fieldsOf(cluster, "begin");
    const wires = [
      fields,
      fields,
      { ...fields, attempt: 4 },
      { ...fields, round: "1.2" },
      { ...fields, request: bytes(9) },
    ];
    for (const one of wires) cluster.deliver(2, cluster.forge(LIAR, one, bytes(7)));
    // Statements without slots may change: a proposal is no promise.
    for (const fill of [7, 8]) {
      cluster.deliver(2, cluster.forge(LIAR, { kind: "proposal", request: bytes(1), round: "1" }, bytes(fill)));
    }
    cluster.pump();
    everybodyBans(cluster, []);
  });
});

/** A cluster in which party 5 gave a wrong partial signature and was caught. */
function wrongPartial() {
  const { cluster, paid } = proposed();
  approve(cluster, paid, { by: [2, 3, 4, LIAR] });
  cluster.route = (frame, envelope) => {
    if (frame.from !== LIAR || envelope.header.round !== "frost/sign/2") return [frame];
    const body = rawCbor.encode([new Uint8Array(32).fill(1)]);
    return [{ ...frame, wire: resign(cluster.node(LIAR).identity, headerBytes(envelope), body) }];
  };
  let attempt = 0;
  while (bannedAt(cluster, 1).length === 0 && attempt < 8) {
    sign(cluster, paid, { attempt });
    attempt += 1;
  }
  cluster.route = null;
  return { cluster, paid, attempt };
}

describe("a protocol fault", () => {
  test("bans whoever signed it everywhere, convinces a stranger, and the payment goes on", () => {
    const { cluster, paid, attempt } = wrongPartial();
    everybodyBans(cluster, [LIAR]);
    const evidence = evidenceAt(cluster, 3);
    assert.equal(evidence.kind, "ProtocolFault");
    assert.equal(convicts(cluster, evidence), LIAR);
    sign(cluster, paid, { attempt, members: HONEST });
    for (const party of HONEST) assert.ok(paidAt(cluster, paid).includes(party));
  });

  test("is judged by the protocol that the accused named: under another name it proves nothing", () => {
    const { cluster } = wrongPartial();
    const evidence = evidenceAt(cluster, 1);
    assert.ok(evidence.kind === "ProtocolFault");
    assert.equal(convicts(cluster, { ...evidence, check: "keygen-secp256k1/v1" }), null);
    assert.equal(convicts(cluster, { ...evidence, check: "unknown" }), null);
  });

  test("is not proven by a right message, another view or a state that the view does not open to", () => {
    const { cluster } = wrongPartial();
    const found = evidenceAt(cluster, 1);
    assert.ok(found.kind === "ProtocolFault");
    const [ssid, publicState, wire] = rawCbor.decode(found.proof) as [Uint8Array, Uint8Array, Uint8Array];
    const flip = (of: Uint8Array): Uint8Array => of.map((byte, i) => (i === of.length >> 1 ? byte ^ 1 : byte));
    const honest = cluster.sent
      .map(({ wire: sent }) => cluster.reader.open(sent))
      .filter(
        ({ header }) =>
          header.round === "frost/sign/2" && equalBytes(header.ssid!, ssid) && header.senderIndex !== LIAR,
      );
    assert.ok(honest.length > 0);
    for (const envelope of honest) {
      assert.equal(convicts(cluster, faultEvidence(found.check, ssid, publicState, envelope.wire)), null);
    }
    for (const proof of [
      faultEvidence(found.check, flip(ssid), publicState, wire),
      faultEvidence(found.check, ssid, flip(publicState), wire),
      faultEvidence(found.check, ssid, new Uint8Array(0), wire),
      faultEvidence(found.check, ssid, publicState, flip(wire)),
    ]) {
      assert.equal(convicts(cluster, proof), null);
    }
  });

  test("with a made-up public state is judged without failing, whatever the state leaves out", () => {
    const cluster = new Cluster({ n: 4, t: 3, schemeOf: () => taproot, moreSchemes: [ecdsa] }).start();
    const judged = Ceremonies.protocols([taproot, ecdsa]).flatMap((protocol) =>
      protocol.rounds.map((round) => ({ protocol, round })),
    );
    for (const { protocol, round } of judged) {
      for (const state of madeUpStates(round.name)) {
        const wire = signedUnder(cluster, protocol.id, round.name, state);
        const { proof, check } = faultEvidence(protocol.id, new Uint8Array(32), state, wire) as Extract<
          Evidence,
          { kind: "ProtocolFault" }
        >;
        const body = evidenceCodec.encode({ kind: "ProtocolFault", check, proof });
        cluster.deliver(1, cluster.forge(4, { kind: "evidence" }, body));
      }
    }
    // Whatever came of it, only the one who signed such states can have been convicted.
    assert.ok(bannedAt(cluster, 1).every((party) => party === 4));
  });

  /** States that decode but do not fit together: nobody in them, or lists of unequal length. */
  const madeUpStates = (name: string): readonly Uint8Array[] => {
    const [id, point] = [new Uint8Array(32), nodeEngine.secp256k1.encode(nodeEngine.secp256k1.generator)];
    const opening = (nonces: number) => [
      id,
      id,
      [point, point],
      Array.from({ length: nonces }, () => point),
      point,
      id,
    ];
    const order = (signers: readonly number[]) => ["dkls23-secp256k1-v1", id, id, 0, [], point, id, null, signers];
    const states: Readonly<Record<string, readonly unknown[]>> = {
      "keygen/2-open": [
        [id, 2, []],
        [id, 2, [[9, id]]],
      ],
      "keygen/3-prove": [
        [id, id, [], []],
        [id, id, [[4, id]], [[4, opening(1)]]],
      ],
      "keygen/3b-answer": [
        [id, [[4, 1]], []],
        [id, [[4, 1]], [[4, [point]]]],
      ],
      "keygen/4-confirm": [
        [id, id, point, [], []],
        [id, id, point, [[4, point]], []],
      ],
      "dkls23/setup/3-confirm": [
        ["dkls23-secp256k1-v1", id, [1, 2]],
        ["dkls23-secp256k1-v1", id, [1, 2, 3]],
      ],
      "dkls23/sign/1-commit": [order([1, 2]), order([1, 2, 3])],
      "dkls23/sign/3-open": [
        [...order([1, 4]), []],
        [...order([1, 4]), [[4, [id, []]]]],
      ],
    };
    return (states[name] ?? []).map((state) => rawCbor.encode(state as never));
  };

  /** A broadcast of party 4 that decodes in this round, under the view of a state that it made up. */
  const signedUnder = (cluster: Cluster, protocol: string, round: string, state: Uint8Array): Uint8Array => {
    const [id, point] = [new Uint8Array(32), nodeEngine.secp256k1.encode(nodeEngine.secp256k1.generator)];
    const bodies: Readonly<Record<string, unknown>> = {
      "keygen/2-open": [id, id, [point, point], [point, point], point, id],
      "keygen/3-prove": [[id, id], []],
      "keygen/3b-answer": [[[1, id]]],
      "keygen/4-confirm": [id],
      "dkls23/setup/3-confirm": [[[1, id]]],
      "dkls23/sign/1-commit": [id, [[1, id]]],
      "dkls23/sign/3-open": [point, id, point],
    };
    const found = Ceremonies.protocols([taproot, ecdsa]).find(({ id: name }) => name === protocol)!;
    roundOf(found, round)!.broadcast!.decode(rawCbor.encode(bodies[round] as never));
    const fields = {
      kind: "step/broadcast" as const,
      protocol,
      ssid: id,
      request: id,
      key: id,
      round,
      view: viewHash(id, round, state),
      senderIndex: 4,
    };
    return cluster.forge(4, fields, rawCbor.encode(bodies[round] as never));
  };
});

describe("forged evidence", () => {
  test("bans nobody: every bit of it matters, and honest envelopes prove nothing in any pair", () => {
    const { cluster } = wrongPartial();
    const fault = evidenceAt(cluster, 1);
    const bytes = evidenceCodec.encode(fault);
    const judge = new Cluster().start();
    for (let at = 0; at < bytes.length; at += 7) {
      const altered = bytes.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte));
      judge.deliver(1, judge.forge(LIAR, { kind: "evidence" }, altered));
    }
    assert.deepEqual(bannedAt(judge, 1), []);

    const honest = cluster.sent
      .map(({ wire }) => cluster.reader.open(wire))
      .filter(({ header }: Envelope) => SLOTTED.has(header.kind) && header.sender !== cluster.idOf(LIAR));
    let pairs = 0;
    for (const [i, a] of honest.entries()) {
      for (const b of honest.slice(i + 1, i + 6)) {
        if (equalBytes(a.wire, b.wire)) continue;
        pairs += 1;
        assert.equal(convicts(cluster, equivocationEvidence(a.wire, b.wire)), null);
      }
    }
    assert.ok(pairs > 50, `${pairs} pairs`);
    assert.throws(
      () => evidenceCodec.encode(equivocationEvidence(honest[0]!.wire, honest[0]!.wire)),
      /equal or not in order/,
    );
  });

  test("passed on by an honest node is judged again by everybody, so a lie goes no further than its first hearer", () => {
    const cluster = new Cluster().start();
    const before = cluster.sent.length;
    const fake = evidenceCodec.encode({ kind: "Equivocation", first: Uint8Array.of(1), second: Uint8Array.of(2) });
    cluster.deliver(1, cluster.forge(LIAR, { kind: "evidence" }, fake));
    cluster.pump();
    assert.equal(cluster.sent.length, before);
    everybodyBans(cluster, []);
  });
});
