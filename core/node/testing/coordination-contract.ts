/** What every coordination has to do, whether it is built on messages between nodes or on a service beside them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Coordination } from "../ports.ts";
import type { NodeId } from "@conclave/consensus";

/** Some nodes with a coordination each, and the means to take one away for a while. */
export interface CoordinationPlace {
  readonly nodes: readonly NodeId[];
  readonly coordinations: ReadonlyMap<NodeId, Coordination>;
  /** What a node was handed so far, as hexadecimal; repeats included. */
  heard(node: NodeId): readonly string[];
  away(node: NodeId, away: boolean): Promise<void>;
  /** Let time pass until everything that can arrive has arrived. */
  settle(): Promise<void>;
  dispose(): Promise<void>;
}

const wire = (n: number): Uint8Array => Uint8Array.of(0xc0, n);
const hex = (n: number): string => `c0${n.toString(16).padStart(2, "0")}`;

export function coordinationContract(name: string, makePlace: () => Promise<CoordinationPlace>): void {
  const using = async (work: (place: CoordinationPlace, first: Coordination) => Promise<void>): Promise<void> => {
    const place = await makePlace();
    try {
      await work(place, place.coordinations.get(place.nodes[0]!)!);
    } finally {
      await place.dispose();
    }
  };

  describe(`coordination: ${name}`, () => {
    test("a statement reaches every node that it concerns", () =>
      using(async (place, first) => {
        const others = place.nodes.slice(1);
        first.publish({ to: others, wire: wire(1), topic: "t" });
        await place.settle();
        for (const node of others) assert.ok(place.heard(node).includes(hex(1)), node);
      }));

    test("a node that was away hears what was published meanwhile", () =>
      using(async (place, first) => {
        const [, absent, present] = place.nodes as [NodeId, NodeId, NodeId];
        await place.away(absent, true);
        first.publish({ to: [absent, present], wire: wire(2), topic: "t" });
        await place.settle();
        assert.ok(place.heard(present).includes(hex(2)));
        assert.ok(!place.heard(absent).includes(hex(2)));
        await place.away(absent, false);
        await place.settle();
        assert.ok(place.heard(absent).includes(hex(2)));
      }));

    test("what was withdrawn is not told to a node that comes back", () =>
      using(async (place, first) => {
        const [, absent] = place.nodes as [NodeId, NodeId];
        await place.away(absent, true);
        first.publish({ to: [absent], wire: wire(3), topic: "old" });
        first.publish({ to: [absent], wire: wire(4), topic: "new" });
        await place.settle();
        first.withdraw("old");
        await place.away(absent, false);
        await place.settle();
        assert.ok(!place.heard(absent).includes(hex(3)));
        assert.ok(place.heard(absent).includes(hex(4)));
      }));

    test("the same statement published twice harms nobody", () =>
      using(async (place, first) => {
        const [, second] = place.nodes as [NodeId, NodeId];
        for (let i = 0; i < 2; i++) first.publish({ to: [second], wire: wire(5), topic: "t" });
        await place.settle();
        assert.ok(place.heard(second).includes(hex(5)));
      }));

    test("nothing is published after close, and closing again is fine", () =>
      using(async (place, first) => {
        const [, second] = place.nodes as [NodeId, NodeId];
        await first.close();
        await first.close();
        first.publish({ to: [second], wire: wire(6), topic: "t" });
        await place.settle();
        assert.ok(!place.heard(second).includes(hex(6)));
      }));
  });
}
