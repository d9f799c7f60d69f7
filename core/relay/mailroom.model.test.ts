/** The mailroom against a model of it, over random histories. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeEngine } from "@conclave/engine-node";
import fc from "fast-check";
import { decodeHeader, FLAG_MAILBOX, FLAG_ONE_RECEIVER, Mailroom, type Effect } from "./index.ts";
import { isMailbox, placeOf } from "./place.ts";
import { idOf, letterWriter } from "./testing/letters.ts";
import { MailroomModel, type ModelConnection, type ModelMessage } from "./testing/mailroom-model.ts";

const letter = letterWriter(nodeEngine);

/** Two ids of single messages, with several messages each that want to stand there, and two mailboxes. */
const letters = [
  ...[1, 2].flatMap((tag) =>
    [0, FLAG_ONE_RECEIVER].flatMap((flags) => [0, 2, 7].map((ttlSeconds) => letter({ tag, flags, ttlSeconds }))),
  ),
  ...[1, 3].flatMap((tag) =>
    [0, 2, 7].map((ttlSeconds, i) => letter({ tag, flags: FLAG_MAILBOX, ttlSeconds, payload: Uint8Array.of(i) })),
  ),
];
const named = new Map(letters.map((bytes, i) => [Buffer.from(bytes).toString("hex"), String(i)]));

const messages: readonly ModelMessage[] = letters.map((bytes, i) => {
  const header = decodeHeader(bytes);
  return {
    name: String(i),
    place: placeOf(header),
    mailbox: isMailbox(header),
    oneReceiver: (header.flags & FLAG_ONE_RECEIVER) !== 0,
    ttlSeconds: header.ttlSeconds,
  };
});

/** Clients and peers in turn. */
const CONNECTIONS = 5;
const isPeer = (which: number): boolean => which % 2 === 1;

const step = fc.oneof(
  fc.record({
    kind: fc.constant("ask" as const),
    from: fc.nat(CONNECTIONS - 1),
    message: fc.nat(letters.length - 1),
    ttlSeconds: fc.constantFrom(0, 1, 3, 8),
  }),
  fc.record({
    kind: fc.constant("publish" as const),
    from: fc.nat(CONNECTIONS - 1),
    message: fc.nat(letters.length - 1),
  }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 400, 1_000, 2_700) }),
  fc.record({ kind: fc.constant("tick" as const) }),
  fc.record({ kind: fc.constant("leave" as const), from: fc.nat(CONNECTIONS - 1) }),
);

const happened = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) => {
    if (effect.kind === "deliver") return [`>${effect.to} ${named.get(Buffer.from(effect.bytes).toString("hex"))}`];
    if (effect.kind !== "forward") return [];
    const header = decodeHeader(effect.frame);
    return [`?${placeOf(header)} ${header.ttlSeconds}`];
  });

test("does what the model does, in any history", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(999), (steps, startMs) => {
      const mailroom = new Mailroom({ engine: nodeEngine });
      const model = new MailroomModel();
      const join = (which: number): ModelConnection => ({
        id: mailroom.connect({ source: "anywhere", peer: isPeer(which) }),
        peer: isPeer(which),
      });
      const connections = Array.from({ length: CONNECTIONS }, (_, which) => join(which));
      let nowMs = 1_000_000 + startMs;
      for (const move of steps) {
        if (move.kind === "wait") nowMs += move.ms;
        if (move.kind === "tick")
          assert.deepEqual(happened(mailroom.tick(nowMs)).toSorted(), model.tick(nowMs).toSorted());
        if (move.kind === "leave") {
          mailroom.disconnect(connections[move.from]!.id);
          model.disconnect(connections[move.from]!);
          connections[move.from] = join(move.from);
        }
        if (move.kind === "ask") {
          const header = { ...decodeHeader(letters[move.message]!), ttlSeconds: move.ttlSeconds };
          const connection = connections[move.from]!;
          const effects = mailroom.ask(connection.id, header, nowMs);
          const expected = model.ask(connection, placeOf(header), isMailbox(header), move.ttlSeconds, nowMs);
          assert.deepEqual(happened(effects).toSorted(), expected.toSorted());
        }
        if (move.kind === "publish") {
          const connection = connections[move.from]!;
          const { outcome, delivered, effects } = mailroom.publish(connection.id, letters[move.message]!, nowMs);
          const [expected, ...events] = model.publish(connection, messages[move.message]!, nowMs);
          assert.equal(outcome, expected);
          assert.deepEqual(happened(effects).toSorted(), events.toSorted());
          assert.equal(delivered, happened(effects).filter((event) => event.startsWith(">")).length);
        }
        model.tick(nowMs);
        mailroom.tick(nowMs);
        const { messages: stored, waiters } = mailroom.stats;
        assert.deepEqual({ stored, waiters }, { stored: model.kept.length, waiters: model.waiters.length });
      }
    }),
    { numRuns: 300 },
  );
});

test("the letters of the histories contend for their ids", () => {
  assert.equal(new Set(letters.map((bytes) => Buffer.from(idOf(bytes)).toString("hex"))).size, 3);
  assert.equal(named.size, letters.length);
});
