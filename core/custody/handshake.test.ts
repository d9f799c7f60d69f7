/** Setup, acks and begin: what a coordinator or a member can say, and how little comes of a lie. */
import { equalBytes } from "@conclave/bytes";
import { mutations, type Mutation } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ackCodec, beginCodec, setupCodec, setupHash } from "./attempts.ts";
import { EnvelopeRefused, headerCodec, type Envelope, type Kind } from "./envelope.ts";
import type { CustodyEvent } from "./events.ts";
import { Cluster } from "./testing/cluster.ts";
import { beginKeygen, keygenRequest, openKeygen, proposeKeygen } from "./testing/keygens.ts";
import { approve, attemptName, coin, open, paidAt, payment, propose, sign, type Payment } from "./testing/payments.ts";
import { headerBytes, resign } from "./testing/wires.ts";

/** Two nodes, so that both sign: party 2 lies, party 1 is watched. Every row is a new attempt at some approved payment. */
class Bench {
  readonly cluster = new Cluster({ n: 2, t: 2, seed: "bench" }).start();
  #paid: Payment | null = null;
  #requests = 0;
  #attempts = 0;

  /** The next attempt that `coordinator` coordinates, numbered so that no lie names another's number. A coordinator has 32 per request. */
  next(coordinator: number): { paid: Payment; attempt: number } {
    const { cluster } = this;
    if (this.#paid === null || this.#attempts === 30) {
      this.#requests += 1;
      this.#attempts = 0;
      this.#paid = payment(cluster, { coins: [coin(this.#requests)], idempotencyKey: `bench ${this.#requests}` });
      propose(cluster, this.#paid);
      approve(cluster, this.#paid);
    }
    this.#attempts += 1;
    return { paid: this.#paid, attempt: 4 * this.#attempts + coordinator - 1 };
  }

  /** One attempt in which party 2's first envelope of this kind is replaced on its way to party 1. */
  lie(kind: Kind, coordinator: number, change: (honest: Envelope) => Uint8Array) {
    const { paid, attempt } = this.next(coordinator);
    const { cluster } = this;
    const before = cluster.node(1).events.length;
    let lies = 0;
    cluster.route = (frame, envelope) => {
      if (frame.from !== 2 || envelope.header.kind !== kind || lies > 0) return [frame];
      lies += 1;
      return [{ ...frame, wire: change(envelope) }];
    };
    sign(cluster, paid, { attempt });
    cluster.route = null;
    assert.equal(lies, 1, `party 2 sent a ${kind}`);
    const events = cluster.node(1).events.slice(before);
    return { events, id: attemptName(paid, { attempt }) };
  }
}

/** How far party 1 got in an attempt. */
type Stage = "nothing" | "joined" | "begun" | "signing" | "signed";

function stageOf(events: readonly CustodyEvent[]): Stage {
  const has = (kind: CustodyEvent["kind"]): boolean => events.some((event) => event.kind === kind);
  if (has("signed")) return "signed";
  if (events.some((event) => event.kind === "progress" && event.round === "frost/sign/2")) return "signing";
  if (has("begun")) return "begun";
  return has("joined") ? "joined" : "nothing";
}

describe("an attempt between two", () => {
  const bench = new Bench();
  const liar = bench.cluster.node(2).identity;

  test("is signed when nobody lies", () => {
    const { events } = bench.lie("ack", 1, ({ wire }) => wire);
    assert.equal(stageOf(events), "signed");
  });

  /** Where party 1 stands when party 2's envelope of this kind is not taken. */
  const stuck: readonly (readonly [Kind, 1 | 2, Stage])[] = [
    ["setup", 2, "nothing"],
    ["ack", 1, "joined"],
    ["begin", 2, "joined"],
    ["step/broadcast", 1, "begun"],
  ];

  for (const [kind, coordinator, stage] of stuck) {
    test(`does not take a ${kind} under any other header, even if its sender signs it`, () => {
      let count = 0;
      for (const { field, name } of mutationsOf(kind, coordinator)) {
        let taken = true;
        const { events } = bench.lie(kind, coordinator, (honest) => {
          const mutation = readable(honest).find((one) => one.field === field && one.name === name);
          // What changed one attempt's number may be another attempt's number.
          taken = mutation === undefined;
          return mutation === undefined ? honest.wire : resign(liar, mutation.bytes, honest.body);
        });
        assert.equal(stageOf(events), taken ? "signed" : stage, `${kind}, ${field}: ${name}`);
        assert.ok(!events.some((event) => event.kind === "violation"), `${kind}, ${field}: ${name}`);
        for (const event of events) if (event.kind === "aborted") assert.deepEqual(event.culprits, []);
        if (!taken) count += 1;
      }
      console.log(`${kind}: ${count} other headers, none taken`);
      assert.ok(count >= 7);
    });
  }

  /** Header mutations that are let in at the door, of an honest envelope. */
  function readable(honest: Envelope): readonly Mutation[] {
    return mutations(headerCodec, headerBytes(honest)).filter(({ bytes }) => {
      try {
        bench.cluster.reader.open(resign(liar, bytes, honest.body));
        return true;
      } catch (error) {
        assert.ok(error instanceof EnvelopeRefused);
        return false;
      }
    });
  }

  function mutationsOf(kind: Kind, coordinator: number): readonly Mutation[] {
    let found: readonly Mutation[] = [];
    bench.lie(kind, coordinator, (honest) => {
      found = readable(honest);
      return honest.wire;
    });
    return found;
  }

  test("blames nobody for another view, and ends", () => {
    const { events } = bench.lie("step/broadcast", 1, ({ header, body }) => {
      const view = header.view!.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
      return resign(liar, headerCodec.encode({ ...header, view }), body);
    });
    const aborted = events.find((event) => event.kind === "aborted");
    assert.ok(aborted?.kind === "aborted" && aborted.fault === "mismatch");
    assert.deepEqual(aborted.culprits, []);
  });

  test("does not begin with acks that are not its own: of another setup, out of order, repeated, too few or altered", () => {
    const rewrite = (change: (acks: readonly Uint8Array[]) => readonly Uint8Array[]) => {
      const { events } = bench.lie("begin", 2, ({ header, body }) => {
        const begin = beginCodec.decode(body);
        const acks = change(begin.acks);
        return bench.cluster.forge(2, fieldsOf(header), beginCodec.encode({ ...begin, acks }));
      });
      assert.equal(stageOf(events), "joined");
      assert.ok(events.some(({ kind }) => kind === "dropped"));
    };
    const old = bench.cluster.sent.find(({ wire }) => bench.cluster.reader.open(wire).header.kind === "ack")!.wire;
    rewrite((acks) => acks.toReversed());
    rewrite(([first]) => [first!, first!]);
    rewrite(([first]) => [first!, old]);
    rewrite(([first, second]) => [first!, second!.map((byte, i) => (i === second!.length - 1 ? byte ^ 1 : byte))]);
    // Party 1's own ack, with another ephemeral key: only party 1 could have signed it.
    rewrite(([, second]) => [second!, second!]);
  });
});

const fieldsOf = ({ kind, request, attempt, round, receiver }: Envelope["header"]) => ({
  kind,
  request,
  attempt,
  round,
  receiver,
});

describe("an ack", () => {
  test("with an ephemeral key of small order is none: it stops the key generation and nothing else", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    const request = keygenRequest(cluster);
    proposeKeygen(cluster, request);
    cluster.route = (frame, { header, body }) => {
      if (header.kind !== "ack" || frame.from !== 3) return [frame];
      const ack = { ...ackCodec.decode(body), ephemeral: new Uint8Array(32) };
      return [{ ...frame, wire: cluster.forge(3, fieldsOf(header), ackCodec.encode(ack)) }];
    };
    openKeygen(cluster, request);
    const acked = cluster.events(1, "acked").at(-1);
    assert.deepEqual(acked?.waitingFor, [cluster.idOf(3)]);
    beginKeygen(cluster, request);
    assert.deepEqual(cluster.events(1, "begun"), []);
  });

  test("of small order in the begin of a lying coordinator is refused, and custody does not fail", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    const request = keygenRequest(cluster);
    proposeKeygen(cluster, request);
    cluster.route = (frame, { header, body }) => {
      if (header.kind !== "begin") return [frame];
      const begin = beginCodec.decode(body);
      const acks = begin.acks.map((wire) => {
        const { header: of, body: ack } = cluster.reader.open(wire);
        if (of.sender !== cluster.idOf(1)) return wire;
        const bad = { ...ackCodec.decode(ack), ephemeral: new Uint8Array(32) };
        return cluster.forge(1, fieldsOf(of), ackCodec.encode(bad));
      });
      return [{ ...frame, wire: cluster.forge(1, fieldsOf(header), beginCodec.encode({ ...begin, acks })) }];
    };
    openKeygen(cluster, request);
    beginKeygen(cluster, request);
    for (const party of [2, 3]) {
      assert.deepEqual(cluster.events(party, "begun"), []);
      assert.match(cluster.dropped(party).join(), /begin with acks that do not belong to its setup/);
    }
  });

  test("with a bad sealed part in the key generation that follows becomes a complaint, and the key is made", () => {
    const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
    const request = keygenRequest(cluster);
    proposeKeygen(cluster, request);
    openKeygen(cluster, request);
    cluster.route = (frame, envelope) => {
      if (envelope.header.kind !== "step/direct" || frame.from !== 3 || frame.to !== 1) return [frame];
      const body = envelope.body.map((byte) => byte ^ 0xff);
      return [{ ...frame, wire: resign(cluster.node(3).identity, headerBytes(envelope), body) }];
    };
    beginKeygen(cluster, request);
    for (const party of cluster.all) {
      assert.equal(cluster.events(party, "keyActive").length, 1);
      assert.ok(cluster.events(party, "progress").some(({ round }) => round === "keygen/3b-answer"));
      assert.deepEqual(cluster.node(party).custody.status().bans, []);
    }
  });
});

describe("a begin", () => {
  test("with garbage for acks is dropped, and the right one still counts", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    const coordinator = open(cluster, paid);
    const setup = cluster.sent.find(({ wire }) => cluster.reader.open(wire).header.kind === "setup")!.wire;
    const acks = [new Uint8Array(3), new Uint8Array(3)];
    const fields = { kind: "begin" as const, request: paid.id, round: "1.1" };
    const junk = cluster.forge(2, fields, beginCodec.encode({ setup: setupHash(setup), acks }));
    for (const party of [3, 4]) cluster.deliver(party, junk);
    cluster.do(coordinator, (custody, nowMs) => custody.begin(nowMs, attemptName(paid), []));
    cluster.pump();
    assert.deepEqual(paidAt(cluster, paid), cluster.all);
  });

  test("leaves out who stalled before, as long as enough others acknowledged", () => {
    const cluster = new Cluster({ n: 4, t: 3 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    const coordinator = open(cluster, paid);
    cluster.do(coordinator, (custody, nowMs) => custody.begin(nowMs, attemptName(paid), [cluster.idOf(2)]));
    cluster.pump();
    const [begun] = cluster.events(1, "begun");
    assert.ok(begun?.signers.length === 3 && !begun.signers.includes(cluster.idOf(2)));
    assert.deepEqual(paidAt(cluster, paid), cluster.all);
  });
});

describe("a setup", () => {
  test("that says one thing in its header and another in its body is ignored", () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const paid = payment(cluster);
    propose(cluster, paid);
    approve(cluster, paid);
    cluster.route = (frame, { header, body }) => {
      if (header.kind !== "setup") return [frame];
      const setup = setupCodec.decode(body);
      assert.ok(equalBytes(setup.request, paid.id));
      return [{ ...frame, wire: cluster.forge(1, { ...fieldsOf(header), round: "1.2" }, body) }];
    };
    open(cluster, paid);
    for (const party of [2, 3]) assert.deepEqual(cluster.events(party, "joined"), []);
  });
});
