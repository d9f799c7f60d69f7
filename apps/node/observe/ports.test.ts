/** Ports that are measured: a real chain client, a real disk, a real handshake, each failing as it does. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { connect } from "node:tls";
import { openEsplora } from "@conclave/bitcoin-esplora";
import { networks } from "@conclave/bitcoin";
import { openRegtest } from "@conclave/bitcoin-regtest";
import { JournalUnavailable } from "@conclave/custody";
import { openJournal } from "@conclave/journal-sqlite";
import { LIFE_BYTES, StoreUnavailable } from "@conclave/node";
import { memoryStore } from "@conclave/node/testing";
import { certsCa, certsNode, CertManager, openQuicTransport } from "@conclave/transport-quic";
import { systemClock } from "../clock.ts";
import type { NetworkEvent } from "../cluster/transports.ts";
import { until } from "../up/testing/waiting.ts";
import { clockOfEsplora, skewAgainst } from "./clock-skew.ts";
import { watchEventLoop } from "./event-loop.ts";
import { measuredChain } from "./measured-chain.ts";
import { measuredStore } from "./measured-store.ts";
import { createMetrics } from "./metrics.ts";
import { NetworkCounts } from "./network-counts.ts";
import { showSyncs } from "./sync-histogram.ts";
import { measuredJournal, SyncTimes } from "./sync-times.ts";
import { parseExposition } from "./testing/exposition.ts";
import { NODES } from "./testing/notices.ts";

const folder = mkdtempSync(join(tmpdir(), "conclave-observe-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const PATIENCE_MS = 20_000;

const read = async ({ registry }: ReturnType<typeof createMetrics>, name: string): Promise<number | undefined> =>
  parseExposition(await registry.metrics()).get(name);

describe("the Bitcoin server", () => {
  const regtest = networks.regtest.genesisHash;
  const client = (baseUrl: string, genesisHash: string) =>
    openEsplora({ baseUrl, genesisHash, allowPrivateHosts: true, attempts: 1, timeoutMs: 2_000 });

  test("one that is away, refuses or lies is counted as what it did; an answer is not", async (t) => {
    const metrics = createMetrics();
    const chain = await openRegtest();
    const server = await chain.listen();
    t.after(() => chain.close());
    const good = measuredChain(client(server.url, regtest), metrics);
    await good.tip();
    assert.equal(await read(metrics, 'mpc_esplora_errors_total{kind="unreachable"}'), undefined);
    await assert.rejects(good.broadcast(new Uint8Array([1])), { name: "ChainRefused" });
    assert.equal(await read(metrics, 'mpc_esplora_errors_total{kind="refused"}'), 1);
    const other = measuredChain(client(server.url, networks.mainnet.genesisHash), metrics);
    await assert.rejects(other.tip(), { name: "ChainLied" });
    assert.equal(await read(metrics, 'mpc_esplora_errors_total{kind="lied"}'), 1);
    const away = measuredChain(client("http://127.0.0.1:1", regtest), metrics);
    await assert.rejects(away.tip(), { name: "ChainUnreachable" });
    assert.equal(await read(metrics, 'mpc_esplora_errors_total{kind="unreachable"}'), 1);
    assert.equal(away.health().state, "failing");
  });

  test("a clock that is wrong by an hour is found out, whichever way; one that does not answer says nothing", async (t) => {
    const chain = await openRegtest();
    const server = await chain.listen();
    t.after(() => chain.close());
    const url = clockOfEsplora(`${server.url}/`);
    const off = async (ms: number): Promise<number> => (await skewAgainst(url, () => Date.now() + ms)) ?? Number.NaN;
    assert(Math.abs((await off(3_600_000)) - 3_600) < 5);
    assert(Math.abs((await off(-3_600_000)) + 3_600) < 5);
    assert(Math.abs(await off(0)) < 5);
    assert.equal(await skewAgainst("http://127.0.0.1:1/", Date.now), null);
  });
});

describe("disks", () => {
  test("history's syncs are measured, those that fail are not", async () => {
    const metrics = createMetrics();
    const store = memoryStore();
    let broken = false;
    const moody = Object.assign(Object.create(store) as typeof store, {
      durable: async () => {
        if (broken) throw new StoreUnavailable("unavailable", "store x: the disk is full");
      },
    });
    const measured = measuredStore(moody, metrics.storeSyncSeconds);
    await measured.durable();
    assert.equal(await read(metrics, "mpc_store_sync_seconds_count"), 1);
    broken = true;
    await assert.rejects(measured.durable(), /the disk is full/);
    assert.equal(await read(metrics, "mpc_store_sync_seconds_count"), 1);
    assert.deepEqual(measured.addresses, store.addresses, "everything else is the store's own");
  });

  test("a journal's writes are counted where they are made, and read through shared memory", async () => {
    const metrics = createMetrics();
    const times = new SyncTimes();
    showSyncs(times, metrics.registry);
    const journal = measuredJournal(
      openJournal({ file: join(folder, "journal", "safety.sqlite") }),
      new SyncTimes(times.memory),
    );
    journal.append([new Uint8Array([1])]);
    journal.append([new Uint8Array([2]), new Uint8Array([3])]);
    assert.equal([...journal.read()].length, 3);
    assert.equal(await read(metrics, "mpc_journal_sync_seconds_count"), 2);
    journal.close();
    assert.throws(() => journal.append([new Uint8Array([4])]), JournalUnavailable);
    assert.equal(await read(metrics, "mpc_journal_failures_total"), 1);
    assert.equal(await read(metrics, "mpc_journal_sync_seconds_count"), 2);
    const fresh = new SyncTimes();
    for (const ms of [0.4, 3, 30, 60_000]) fresh.took(ms);
    assert.deepEqual([...fresh.read().atMost.values()], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]);
    assert.equal(fresh.read().count, 4);
  });
});

describe("the network", () => {
  test("who comes without a certificate is a failed handshake of a stranger", async (t) => {
    const [authority, own] = [join(folder, "ca"), join(folder, "node1")];
    const nowMs = Date.now();
    await certsCa({ folder: authority, name: "test", nowMs });
    await certsNode({ folder: own, name: "node1", authority, nowMs });
    const metrics = createMetrics();
    const counts = new NetworkCounts(metrics, new Set(["node1", "node2"]));
    let address = "";
    const observe = (event: NetworkEvent): void => {
      if (event.kind === "listening" && "address" in event) address = String(event.address);
      counts.heard(event);
    };
    const certificates = await CertManager.load({ folder: own, name: "node1", clock: systemClock, observe });
    assert(counts.certificateEndsMs !== null && counts.certificateEndsMs > nowMs, "the certificate's end is known");
    const transport = openQuicTransport({
      self: NODES[0],
      name: "node1",
      peers: new Map(),
      listen: "127.0.0.1:0",
      certificates,
      rosterHash: new Uint8Array(32),
      life: new Uint8Array(randomBytes(LIFE_BYTES)),
      clock: systemClock,
      mode: "tls",
      observe,
    });
    t.after(() => transport.close());
    await transport.start({ frame: () => true, link: () => {} });
    const at = await until("an address", PATIENCE_MS, () => (address === "" ? undefined : address));
    const socket = connect({ host: "127.0.0.1", port: Number(at.split(":").at(-1)), rejectUnauthorized: false });
    socket.on("error", () => socket.destroy());
    t.after(() => socket.destroy());
    await until("the refusal", PATIENCE_MS, async () =>
      (await read(metrics, "mpc_tls_handshake_failures_total")) === 1 ? true : undefined,
    );
    assert.equal(await read(metrics, 'mpc_network_errors_total{peer="stranger"}'), 1);
    assert.equal(await read(metrics, 'mpc_network_errors_total{peer="node2"}'), 0);
  });

  test("a dial that fails is its peer's; a name that is not of the roster makes no series", async () => {
    const metrics = createMetrics();
    const counts = new NetworkCounts(metrics, new Set(["node1", "node2"]));
    counts.heard({ kind: "undialled", peer: "node2", reason: "nobody listens there" });
    counts.heard({ kind: "undialled", peer: "node2", reason: "its certificate has expired" });
    counts.heard({ kind: "refused", peer: null, address: "x", reason: "what came is no TLS", unreported: 4 });
    counts.heard({ kind: "stranger", direction: "inbound", peerId: "whoever", address: "x", times: 7 });
    counts.heard({ kind: "undialled", peer: "somebody-else", reason: "nobody listens there" });
    counts.heard({ kind: "up", peer: "node2" });
    assert.equal(await read(metrics, 'mpc_network_errors_total{peer="node2"}'), 2);
    assert.equal(await read(metrics, 'mpc_network_errors_total{peer="stranger"}'), 13);
    assert.equal(await read(metrics, "mpc_tls_handshake_failures_total"), 6);
    assert(!(await metrics.registry.metrics()).includes("somebody-else"));
  });
});

test("a thread that is held up is late", async (t) => {
  const lag = watchEventLoop();
  t.after(() => lag.stop());
  const late = await until("a delay that was seen", PATIENCE_MS, async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const endMs = performance.now() + 150;
    while (performance.now() < endMs);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const worst = lag.read().get(1) ?? 0;
    return worst > 0.05 ? worst : undefined;
  });
  assert(late < 60, `${late} s`);
});
