import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Libp2p, Stream } from "@libp2p/interface";
import type { ConnectionEvents } from "@conclave/node";
import { MAX_STREAM_BUFFER_BYTES, PROTOCOL } from "./limits.ts";
import { StreamConnection } from "./stream-connection.ts";
import { LISTEN, type Wire } from "./testing/cluster.ts";
import { dialled, ended, outsider, streamOn } from "./testing/outsider.ts";
import { eventually } from "./testing/patience.ts";

const CHUNK_BYTES = 1 << 20;

interface Pair {
  readonly ours: StreamConnection;
  readonly stream: Stream;
  readonly theirs: Stream;
}

/** A connection of ours, and the raw stream at its other end. */
async function withPair(wire: Wire, test: (pair: Pair) => Promise<void>): Promise<void> {
  const nodes: Libp2p[] = [];
  try {
    const listener = await outsider(new Uint8Array(32).fill(2), [LISTEN[wire]]);
    nodes.push(listener);
    const arrived = Promise.withResolvers<Stream>();
    await listener.handle(PROTOCOL, (stream) => arrived.resolve(stream));
    const dialler = await outsider(new Uint8Array(32).fill(1));
    nodes.push(dialler);
    const connection = await dialled(dialler, listener.getMultiaddrs()[0]!.toString());
    const stream = await streamOn(connection);
    await test({ ours: new StreamConnection(stream, connection), stream, theirs: await arrived.promise });
  } finally {
    for (const node of nodes) await node.stop();
  }
}

/** What the mesh would hear. */
class Heard implements ConnectionEvents {
  bytes: number[] = [];
  drains = 0;
  ends: string[] = [];
  onDrained: () => void = () => {};
  received(bytes: Uint8Array): void {
    this.bytes.push(...bytes);
  }
  drained(): void {
    this.drains++;
    this.onDrained();
  }
  closed(reason: string): void {
    this.ends.push(reason);
  }
}

for (const wire of ["tcp", "ws"] as const) {
  describe(`a connection over ${wire}`, () => {
    it("takes a bounded amount for a peer that does not read, and all of the rest when it does", () =>
      withPair(wire, async ({ ours, stream, theirs }) => {
        theirs.pause();
        const heard = new Heard();
        ours.attach(heard);
        let written = 0;
        let most = 0;
        const write = (): void => {
          let takesMore = true;
          while (takesMore && written < 24) {
            takesMore = ours.write(new Uint8Array(CHUNK_BYTES).fill(written++));
            most = Math.max(most, stream.writeBufferLength);
          }
        };
        heard.onDrained = write;
        write();
        // Time in which whatever is below takes its fill, and says so.
        await wait(200);
        assert(written < 12, `${written} MiB were taken`);
        const places: number[] = [];
        theirs.addEventListener("message", ({ data }) => {
          for (const piece of data instanceof Uint8Array ? [data] : data) places.push(piece.length, piece[0]!);
        });
        theirs.resume();
        const bytes = (): number => places.reduce((sum, value, n) => (n % 2 === 0 ? sum + value : sum), 0);
        await eventually("everything arrives", () => bytes() === 24 * CHUNK_BYTES);
        assert(most < MAX_STREAM_BUFFER_BYTES / 2, `${most} bytes waited in the stream`);
        const order = places.filter((_, n) => n % 2 === 1);
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
          "in the order they were written",
        );
        assert.deepEqual(heard.ends, []);
      }));

    it("loses nothing that came before it was attended to", () =>
      withPair(wire, async ({ ours, theirs }) => {
        theirs.send(Uint8Array.of(1, 2, 3));
        await wait(20);
        const heard = new Heard();
        ours.attach(heard);
        assert.deepEqual(heard.bytes, [], "nothing is handed over from within");
        theirs.send(Uint8Array.of(4));
        await eventually("all of it comes", () => heard.bytes.length === 4);
        assert.deepEqual(heard.bytes, [1, 2, 3, 4]);
      }));

    it("delivers what was written before its end, and then ends at both sides", () =>
      withPair(wire, async ({ ours, theirs }) => {
        const heard = new Heard();
        ours.attach(heard);
        let bytes = 0;
        theirs.addEventListener("message", ({ data }) => {
          bytes += data.byteLength;
        });
        ours.write(new Uint8Array(CHUNK_BYTES));
        ours.end();
        ours.end();
        assert.equal(ours.write(Uint8Array.of(1)), false);
        await eventually("it arrives", () => bytes === CHUNK_BYTES);
        await ended(theirs);
        assert.deepEqual(heard.ends, []);
      }));

    it("says once that the peer ended it, however it did", async () => {
      for (const end of [
        (stream: Stream) => void stream.close(),
        (stream: Stream) => stream.abort(new Error("enough")),
      ]) {
        await withPair(wire, async ({ ours, theirs }) => {
          const heard = new Heard();
          ours.attach(heard);
          end(theirs);
          await eventually("it is told", () => heard.ends.length === 1);
          assert.equal(ours.write(Uint8Array.of(1)), false);
          ours.destroy();
          await wait(20);
          assert.equal(heard.ends.length, 1);
        });
      }
    });

    it("says that it is over to who attends too late, and not from within", () =>
      withPair(wire, async ({ ours, theirs, stream }) => {
        theirs.abort(new Error("enough"));
        await ended(stream);
        const heard = new Heard();
        ours.attach(heard);
        assert.deepEqual(heard.ends, []);
        await eventually("it is told", () => heard.ends.length === 1);
      }));

    it("closes its socket when it is destroyed", () =>
      withPair(wire, async ({ ours, theirs }) => {
        ours.attach(new Heard());
        ours.destroy();
        ours.destroy();
        await ended(theirs);
      }));
  });
}
