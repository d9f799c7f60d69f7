import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { toHex } from "@conclave/bytes";
import { nodeEngine as engine } from "@conclave/engine-node";
import type { Address } from "@conclave/relay";
import { startRelay, type Relay } from "@conclave/relay-service";
import {
  ABORT_TAG,
  Aborted,
  abortRun,
  AskExpired,
  collect,
  connectRelay,
  MAX_ABORT_CODE,
  Stalled,
  type RelayClient,
  type Run,
} from "./index.ts";
import { machineRandom } from "./testing/cast.ts";
import { pause } from "./testing/clocks.ts";
import { text } from "./testing/witness.ts";

const closing: (() => void | Promise<void>)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

let relay: Relay | null = null;
/** One for all tests: their runs have nothing in common. */
async function relayOnce(): Promise<Relay> {
  if (relay !== null) return relay;
  const started = await startRelay({ listen: [{ host: "127.0.0.1", port: 0 }] });
  closing.push(() => started.close());
  relay = started;
  return started;
}

/** One who collects from the two others of a run. */
async function scene(): Promise<{
  clients: readonly [RelayClient, RelayClient, RelayClient];
  run: Run;
  addresses: Address[];
}> {
  const { url } = await relayOnce();
  const client = (): RelayClient => {
    const signer = engine.ed25519Signer(machineRandom(32));
    const one = connectRelay({ urls: [url], mode: "websocket", engine, signer, rng: machineRandom });
    closing.push(() => one.close());
    return one;
  };
  const clients = [client(), client(), client()] as const;
  const instance = machineRandom(32);
  const others = [clients[1], clients[2]];
  const parties = new Map(others.map(({ publicKey }, at) => [toHex(publicKey), `party ${at + 2}`]));
  const addresses = others.map(({ publicKey }) => ({ tag: 5n, sender: publicKey, receiver: null, instance }));
  return { clients, run: { instance, parties }, addresses };
}

const terms = { ttlSeconds: 30, stallMs: 20_000 };
const soon = { ttlSeconds: 30 };

describe("collecting a round", () => {
  it("takes everything once, in the order of the addresses", async () => {
    const { clients, run, addresses } = await scene();
    const collecting = collect(clients[0], run, addresses, terms);
    const place = { tag: 5n, receiver: null, instance: run.instance };
    await clients[2].publish(place, text("second"), soon);
    await clients[1].publish(place, text("first"), soon);
    const bodies = (await collecting).map(({ payload }) => new TextDecoder().decode(payload));
    assert.deepEqual(bodies, ["first", "second"]);
  });

  it("ends when a party calls the run off, though everything else is there or on its way", async () => {
    const { clients, run, addresses } = await scene();
    const ended = collect(clients[0], run, addresses, terms).catch((error: unknown) => error);
    await clients[1].publish({ tag: 5n, receiver: null, instance: run.instance }, text("mine"), soon);
    await abortRun(clients[2], run.instance, { code: "no", ttlSeconds: 30 });
    const error = await ended;
    assert(error instanceof Aborted);
    assert.deepEqual([error.party, error.code, error.message], ["party 3", "no", "aborted by party 3, code no"]);
  });

  it("believes an end whose reason cannot be read", async () => {
    const { clients, run, addresses } = await scene();
    const ended = collect(clients[0], run, addresses, terms).catch((error: unknown) => error);
    await clients[1].publish({ tag: ABORT_TAG, receiver: null, instance: run.instance }, text("?"), soon);
    const error = await ended;
    assert(error instanceof Aborted);
    assert.equal(error.code, "unreadable");
    await assert.rejects(
      async () => abortRun(clients[1], run.instance, { code: "x".repeat(MAX_ABORT_CODE + 1), ttlSeconds: 30 }),
      /text of at most/,
    );
  });

  it("does not listen to a stranger's end", async () => {
    const { clients, run, addresses } = await scene();
    const stranger = (await scene()).clients[0];
    const collecting = collect(clients[0], run, addresses, terms);
    await abortRun(stranger, run.instance, { code: "no", ttlSeconds: 30 });
    for (const client of [clients[1], clients[2]])
      await client.publish({ tag: 5n, receiver: null, instance: run.instance }, text("mine"), soon);
    assert.equal((await collecting).length, 2);
  });

  it("stalls from the last progress on, naming who is outstanding", async () => {
    const { clients, run, addresses } = await scene();
    const startMs = performance.now();
    const ended = collect(clients[0], run, addresses, { ...terms, stallMs: 400 }).catch((error: unknown) => error);
    await pause(300);
    await clients[1].publish({ tag: 5n, receiver: null, instance: run.instance }, text("mine"), soon);
    const error = await ended;
    assert(error instanceof Stalled);
    assert.deepEqual(error.outstanding, ["party 3"]);
    assert(performance.now() - startMs >= 650, "counted from the start");
  });

  it("ends with its questions, and by its signal", async () => {
    const { clients, run, addresses } = await scene();
    await assert.rejects(collect(clients[0], run, addresses, { ...terms, ttlSeconds: 0.1 }), AskExpired);
    const why = new Error("enough");
    const cancel = new AbortController();
    const cancelled = assert.rejects(collect(clients[0], run, addresses, { ...terms, signal: cancel.signal }), why);
    cancel.abort(why);
    await cancelled;
  });
});
