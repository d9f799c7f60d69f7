/** Garbage costs itself: whatever bytes arrive, custody answers, soon, and goes on. */
import { rawCbor, type Cbor } from "@conclave/bytes";
import { partyRng, seededDice, type Dice } from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { headerCodec, type Header } from "./envelope.ts";
import { Cluster } from "./testing/cluster.ts";
import { approve, coin, paidAt, payment, propose, sign } from "./testing/payments.ts";
import { transactionsOf } from "./testing/promises.ts";
import { oneOfEachKind, resign } from "./testing/wires.ts";

const FRAMES = 20_000;
const SEED = "fuzz/1";

const pick = <T>(dice: Dice, from: readonly T[]): T => from[dice.below(from.length)]!;

/** The same CBOR with one value somewhere inside replaced, so that it still decodes as CBOR. */
function mutate(dice: Dice, value: Cbor): Cbor {
  const replacements: readonly Cbor[] = [
    0,
    1,
    -1,
    255,
    2 ** 40,
    "",
    "x",
    null,
    true,
    [],
    new Uint8Array(0),
    new Uint8Array(32),
  ];
  if (Array.isArray(value) && value.length > 0 && dice.chance(0.9)) {
    const at = dice.below(value.length);
    return (value as readonly Cbor[]).map((inner, i) => (i === at ? mutate(dice, inner) : inner));
  }
  if (value instanceof Uint8Array && value.length > 0 && dice.chance(0.7)) {
    const copy = Uint8Array.from(value);
    copy[dice.below(copy.length)]! ^= 1 << dice.below(8);
    return copy;
  }
  return pick(dice, replacements);
}

/** CBOR inside, if it is any; some bodies are ciphertexts. */
function opened(body: Uint8Array): Cbor | null {
  try {
    return rawCbor.decode(body);
  } catch {
    return null;
  }
}

test(`${FRAMES} random and mutated frames, signed and unsigned, cost only themselves (seed ${SEED})`, () => {
  const dice = seededDice(SEED);
  const rng = partyRng(SEED, 1 as never);
  const cluster = new Cluster({ n: 4, t: 3, seed: "fuzz", withKey: false });
  const samples = [...oneOfEachKind(cluster).values()];
  const wires = cluster.sent.map(({ wire }) => wire);
  const liar = cluster.node(4).identity;

  /** A frame as a stranger, a network or a lying member might make it. */
  const frame = (): Uint8Array => {
    const { envelope } = pick(dice, samples);
    switch (dice.below(6)) {
      case 0:
        return rng(dice.below(300));
      case 1: {
        const wire = Uint8Array.from(pick(dice, wires));
        wire[dice.below(wire.length)]! ^= 1 << dice.below(8);
        return wire;
      }
      case 2:
        return pick(dice, wires).slice(0, dice.below(200));
      case 3:
        return rawCbor.encode(mutate(dice, rawCbor.decode(pick(dice, wires))));
      case 4: {
        // A member says something odd, and signs it: in its own name, with a body that is nearly right.
        const inside = opened(envelope.body);
        const body = inside === null || dice.chance(0.1) ? rng(dice.below(120)) : rawCbor.encode(mutate(dice, inside));
        const header: Header = { ...envelope.header, sender: liar.id, length: body.length };
        return resign(liar, headerCodec.encode(header), body);
      }
      default: {
        const header = mutate(dice, rawCbor.decode(headerCodec.encode({ ...envelope.header, sender: liar.id })));
        return resign(liar, rawCbor.encode(header), envelope.body);
      }
    }
  };

  const victim = cluster.node(2);
  const known = transactionsOf(cluster);
  let slowestMs = 0;
  let answered = 0;
  for (let i = 0; i < FRAMES; i++) {
    const wire = frame();
    const before = performance.now();
    // Time passes, so that the liar's bans end and it is heard again.
    const events = victim.custody.receive(cluster.nowMs + i * 3_600_000, wire);
    slowestMs = Math.max(slowestMs, performance.now() - before);
    if (events.length > 0) answered += 1;
    const made = events.find(({ kind }) => kind === "keyActive" || kind === "sealed");
    assert.ok(made === undefined, `frame ${i}: ${made?.kind}`);
    // A true result that comes again is still true; no other transaction comes of garbage.
    for (const event of events) if (event.kind === "signed") assert.ok(known.has(event.txid), `frame ${i}`);
    for (const event of events) if (event.kind === "violation") assert.equal(event.node, liar.id, `frame ${i}`);
  }
  console.log(`${FRAMES} frames, ${answered} answered with an event, the slowest took ${slowestMs.toFixed(1)} ms`);
  assert.ok(answered > FRAMES / 2);
  assert.ok(slowestMs < 2_000, `${slowestMs} ms`);

  // It votes and signs as if nothing had happened.
  const paid = payment(cluster, { idempotencyKey: "afterwards", coins: [coin(99)] });
  cluster.nowMs += FRAMES * 3_600_000;
  propose(cluster, paid);
  approve(cluster, paid, { by: [1, 2, 3] });
  for (let attempt = 0; attempt < 8 && !paidAt(cluster, paid).includes(2); attempt++) {
    sign(cluster, paid, { attempt, members: [1, 2, 3] });
    sign(cluster, paid, { attempt, members: [1, 2, 3, 4] });
  }
  assert.ok(paidAt(cluster, paid).includes(2));
});
