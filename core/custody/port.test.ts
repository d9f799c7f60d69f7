/** Custody behind a message port: what crosses, and what does not. */
import { toHex } from "@conclave/bytes";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connectCustody, CustodyCallFailed, inlineCustody, serveCustody, type Channel } from "./port.ts";
import { Cluster } from "./testing/cluster.ts";
import { runKeygen } from "./testing/keygens.ts";
import { payment } from "./testing/payments.ts";

/** Two ends of a channel that copies what is posted exactly as worker threads do. `posted` sees it on the way. */
function channelPair(posted: (message: unknown) => void = () => {}): readonly [Channel, Channel] {
  const handlers: ((message: unknown) => void)[] = [];
  const end = (own: number): Channel => ({
    post(message) {
      const copy: unknown = structuredClone(message);
      posted(copy);
      queueMicrotask(() => handlers[1 - own]!(copy));
    },
    onMessage: (handler) => void (handlers[own] = handler),
  });
  return [end(0), end(1)];
}

/** Every byte array in some data. */
function* bytesIn(value: unknown): Generator<Uint8Array> {
  if (value instanceof Uint8Array) yield value;
  else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) yield* bytesIn(inner);
}

describe("a custody port", () => {
  test("makes the same calls inline and across a channel", async () => {
    const cluster = new Cluster({ n: 3, t: 2 }).start();
    const { custody } = cluster.node(1);
    const [server, client] = channelPair();
    serveCustody(custody, server);
    const across = connectCustody(client);
    const inline = inlineCustody(custody);
    assert.deepEqual(await across.status(), await inline.status());
    const paid = payment(cluster);
    const events = await across.propose(1, paid.proposal);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ["proposed", "send"],
    );
    assert.deepEqual(await across.lockedCoins(cluster.key), []);
    assert.deepEqual(await across.unresolved(), []);
  });

  test("answers in words when custody fails, and goes on", async () => {
    const cluster = new Cluster({ n: 3, t: 2 });
    const [server, client] = channelPair();
    serveCustody(cluster.node(1).custody, server);
    const across = connectCustody(client);
    await assert.rejects(across.propose(1, null as never), CustodyCallFailed);
    assert.equal((await across.status()).ready, false);
  });

  test("refuses calls that custody does not have", async () => {
    const cluster = new Cluster({ n: 3, t: 2 });
    const answers: unknown[] = [];
    const [server, client] = channelPair((message) => answers.push(message));
    serveCustody(cluster.node(1).custody, server);
    client.onMessage(() => {});
    client.post({ id: 1, name: "constructor", args: [] });
    await Promise.resolve();
    assert.deepEqual(answers.at(-1), { id: 1, error: "custody has no call constructor" });
  });

  test("posts bytes in buffers of their own: no share travels along in the memory behind a message", async () => {
    const cluster = new Cluster({ n: 2, t: 2, withKey: false });
    const posted: unknown[] = [];
    const [server, client] = channelPair((message) => posted.push(message));
    serveCustody(cluster.node(1).custody, server);
    const across = connectCustody(client);
    cluster.start();
    assert.ok(runKeygen(cluster) !== null);
    await across.status();
    const wires = cluster.sent.filter(({ from }) => from === 1).map(({ wire }) => wire);
    // Party 1's own wires, of all sizes, as if they were the answer to a call.
    Object.assign(cluster.node(1).custody, { lockedCoins: () => wires });
    await across.lockedCoins(new Uint8Array(32));

    const arrays = posted.flatMap((message) => [...bytesIn(message)]);
    assert.ok(arrays.length > wires.length);
    for (const array of arrays) assert.equal(array.buffer.byteLength, array.length, `${toHex(array.subarray(0, 8))}…`);
  });
});
