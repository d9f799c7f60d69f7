/** What every coordination has to do, whether it is built on messages between nodes or on a service beside them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { MAX_STATEMENT_BYTES, type Coordination } from "../ports.ts";

/** At least three nodes with a coordination each, and the means to take one away for a while. */
export interface CoordinationPlace {
  readonly nodes: readonly NodeId[];
  /** As they are now: a node that was away may have come back with another one. */
  readonly coordinations: ReadonlyMap<NodeId, Coordination>;
  /** What a node was handed so far, as hexadecimal; repeats included. */
  heard(node: NodeId): readonly string[];
  away(node: NodeId, away: boolean): Promise<void>;
  /** Let time pass until everything that can arrive has arrived. */
  settle(): Promise<void>;
  dispose(): Promise<void>;
}

export interface ContractOptions {
  /** Why it cannot be run here; false if it can. */
  readonly missing?: string | false;
}

/** Statements that are told apart by their number. */
const wire = (n: number): Uint8Array => Uint8Array.of(0xc0, n >> 8, n & 0xff);
const hex = (n: number): string => toHex(wire(n));

/** More than what a coordination works on at once. */
const MANY_TOPICS = 200;

/** Bytes that mean something to whoever takes them apart: text, JSON, CBOR, HTTP, numbers at their ends. */
const HOSTILE: readonly Uint8Array[] = [
  Uint8Array.of(0),
  Uint8Array.of(0xff),
  new Uint8Array(64),
  new Uint8Array(64).fill(0xff),
  // An array of three, as an envelope is one, that ends too soon; and one of endless length.
  Uint8Array.of(0x83, 0x58, 0xff),
  Uint8Array.of(0x9f, 0x9f, 0x9f),
  ...['{"result":{"canceled":true}}', "\r\n\r\nGET / HTTP/1.1\r\n", "../../../leader", "\u0000\u001b[2J"].map((text) =>
    Uint8Array.from(text, (letter) => letter.charCodeAt(0)),
  ),
];

export function coordinationContract(
  name: string,
  makePlace: () => Promise<CoordinationPlace>,
  { missing = false }: ContractOptions = {},
): void {
  const using = async (work: (place: CoordinationPlace, first: Coordination) => Promise<void>): Promise<void> => {
    const place = await makePlace();
    try {
      await work(place, place.coordinations.get(place.nodes[0]!)!);
    } finally {
      await place.dispose();
    }
  };
  const assertHeard = (place: CoordinationPlace, node: NodeId, expected: readonly string[]): void => {
    const heard = new Set(place.heard(node));
    const lost = expected.filter((statement) => !heard.has(statement));
    assert.deepEqual(
      lost.map((statement) => statement.slice(0, 64)),
      [],
      `${node.slice(0, 8)} heard ${heard.size} statements and not these`,
    );
  };

  describe(`coordination: ${name}`, { skip: missing }, () => {
    test("a statement reaches every node that it concerns", () =>
      using(async (place, first) => {
        const others = place.nodes.slice(1);
        first.publish({ to: others, wire: wire(1), topic: "t" });
        await place.settle();
        for (const node of others) assertHeard(place, node, [hex(1)]);
      }));

    test("every node's statements reach every other, whatever their topic", () =>
      using(async (place) => {
        for (const [i, node] of place.nodes.entries()) {
          const to = place.nodes.filter((other) => other !== node);
          for (const j of [0, 1, 2])
            place.coordinations.get(node)!.publish({ to, wire: wire(10 * i + j), topic: `t${j % 2}` });
        }
        await place.settle();
        for (const [i, node] of place.nodes.entries()) {
          const others = Object.keys(place.nodes).filter((other) => Number(other) !== i);
          const expected = others.flatMap((other) => [0, 1, 2].map((j) => hex(10 * Number(other) + j)));
          assertHeard(place, node, expected);
        }
      }));

    test("a node that was away hears what was published meanwhile", () =>
      using(async (place, first) => {
        const [, absent, present] = place.nodes as [NodeId, NodeId, NodeId];
        await place.away(absent, true);
        first.publish({ to: [absent, present], wire: wire(2), topic: "t" });
        await place.settle();
        assertHeard(place, present, [hex(2)]);
        assert.ok(!place.heard(absent).includes(hex(2)));
        await place.away(absent, false);
        await place.settle();
        assertHeard(place, absent, [hex(2)]);
      }));

    test("what was withdrawn is not told to a node that comes back", () =>
      using(async (place, first) => {
        const [, absent] = place.nodes as [NodeId, NodeId];
        await place.away(absent, true);
        first.publish({ to: [absent], wire: wire(3), topic: "old" });
        first.publish({ to: [absent], wire: wire(4), topic: "new" });
        await place.settle();
        first.withdraw("old");
        await place.settle();
        await place.away(absent, false);
        await place.settle();
        assert.ok(!place.heard(absent).includes(hex(3)));
        assertHeard(place, absent, [hex(4)]);
      }));

    test("a topic that was withdrawn may be published on again", () =>
      using(async (place, first) => {
        const [, absent] = place.nodes as [NodeId, NodeId];
        await place.away(absent, true);
        first.publish({ to: [absent], wire: wire(7), topic: "t" });
        first.withdraw("t");
        first.withdraw("nothing was ever said on this one");
        first.publish({ to: [absent], wire: wire(7), topic: "t" });
        first.publish({ to: [absent], wire: wire(8), topic: "t" });
        await place.away(absent, false);
        await place.settle();
        assertHeard(place, absent, [hex(7), hex(8)]);
      }));

    test("the same statement published twice harms nobody", () =>
      using(async (place, first) => {
        const [, second] = place.nodes as [NodeId, NodeId];
        for (let i = 0; i < 2; i++) first.publish({ to: [second], wire: wire(5), topic: "t" });
        await place.settle();
        assertHeard(place, second, [hex(5)]);
      }));

    test("what was published belongs to the caller again, and what was heard to the hearer", () =>
      using(async (place, first) => {
        const [, second] = place.nodes as [NodeId, NodeId];
        const reused = wire(9);
        first.publish({ to: [second], wire: reused, topic: "t" });
        reused.fill(0);
        await place.settle();
        assertHeard(place, second, [hex(9)]);
      }));

    test("many topics arrive, and none of them once they are all withdrawn", () =>
      using(async (place, first) => {
        const [, absent, present] = place.nodes as [NodeId, NodeId, NodeId];
        const numbers = Array.from({ length: MANY_TOPICS }, (_, i) => 1_000 + i);
        await place.away(absent, true);
        for (const n of numbers) first.publish({ to: [absent, present], wire: wire(n), topic: `topic ${n}` });
        await place.settle();
        assertHeard(place, present, numbers.map(hex));
        for (const n of numbers) first.withdraw(`topic ${n}`);
        await place.settle();
        await place.away(absent, false);
        await place.settle();
        assert.deepEqual(place.heard(absent), []);
      }));

    test("the largest statement arrives whole; a larger one is refused", () =>
      using(async (place, first) => {
        const [, second] = place.nodes as [NodeId, NodeId];
        const largest = Uint8Array.from({ length: MAX_STATEMENT_BYTES }, (_, i) => (i * i) >> 3);
        first.publish({ to: [second], wire: largest, topic: "t" });
        await place.settle();
        assertHeard(place, second, [toHex(largest)]);
        const tooLarge = new Uint8Array(MAX_STATEMENT_BYTES + 1);
        assert.throws(() => first.publish({ to: [second], wire: tooLarge, topic: "t" }), RangeError);
        assert.throws(() => first.publish({ to: [second], wire: new Uint8Array(0), topic: "t" }), RangeError);
      }));

    test("hostile bytes are only bytes, and a topic is only a name", () =>
      using(async (place, first) => {
        const [, second] = place.nodes as [NodeId, NodeId];
        for (const [i, bytes] of HOSTILE.entries())
          first.publish({ to: [second], wire: bytes, topic: ["", "/", "..", "\0", "a/b", "__proto__"][i % 6]! });
        await place.settle();
        assertHeard(place, second, HOSTILE.map(toHex));
      }));

    test("nothing is published after close, and closing again is fine", () =>
      using(async (place, first) => {
        const [, second] = place.nodes as [NodeId, NodeId];
        await first.close();
        await first.close();
        first.publish({ to: [second], wire: wire(6), topic: "t" });
        first.withdraw("t");
        await place.settle();
        assert.ok(!place.heard(second).includes(hex(6)));
      }));
  });
}
