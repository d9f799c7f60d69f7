/** Four nodes with everything that looks on: what happens is counted, asked for and traced on each of them. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Problem } from "@conclave/api";
import { DEMO_RECIPIENT } from "../up/recipient.ts";
import { openCluster, type Cluster } from "../up/testing/cluster.ts";
import { until } from "../up/testing/waiting.ts";
import { scrape, type Samples } from "./testing/exposition.ts";
import type { Trace } from "./trace-store.ts";

const PATIENCE_MS = 30_000;
const NODES = [0, 1, 2, 3];
/** As a client's own tracing would send it: the example of W3C Trace Context. */
const CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

let cluster: Cluster;
let stopMining = (): void => {};
let txid: string;
let traceparent: string | null;

before(async () => {
  cluster = await openCluster({ nodes: 4 });
  cluster.fund(10_000_000n, 10_000_000n);
  stopMining = cluster.startMining();
  const response = await fetch(`${cluster.running.apiUrl(0)}/api/v1/transactions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await token()}`,
      "content-type": "application/json",
      "idempotency-key": "observed",
      traceparent: CLIENT,
    },
    body: JSON.stringify({ recipient: DEMO_RECIPIENT, amount_sats: 25_000 }),
  });
  assert.equal(response.status, 201);
  ({ txid } = (await response.json()) as { txid: string });
  traceparent = response.headers.get("traceparent");
  await cluster.agreed(txid, ["confirmed"], PATIENCE_MS);
});
after(async () => {
  stopMining();
  await cluster.stop();
});

async function token(): Promise<string> {
  const { readSecret } = await import("../up/folder.ts");
  return readSecret(cluster.folder.tokenFile);
}

const samplesOf = async (node: number): Promise<Samples> => (await scrape(cluster.running.apiUrl(node))).samples;

/** The sum of all samples whose name and labels match. */
const sum = (samples: Samples, pattern: RegExp): number =>
  [...samples].reduce((total, [name, value]) => total + (pattern.test(name) ? value : 0), 0);

describe("one payment, as every node counts it", () => {
  test("states, votes, signature and its waits", async () => {
    for (const node of NODES) {
      const samples = await until("everything counted", PATIENCE_MS, async () => {
        const seen = await samplesOf(node);
        return (seen.get('mpc_votes_total{value="approve",result="cast"}') ?? 0) >= 1 ? seen : undefined;
      });
      for (const state of ["voting", "approved", "confirmed"])
        assert.equal(samples.get(`mpc_transactions_total{state="${state}"}`), 1, `node ${node}: ${state}`);
      const peers = samples.get('mpc_votes_total{value="approve",result="counted"}') ?? 0;
      assert(peers >= 2 && peers <= 3, `${peers} votes of peers`);
      assert.equal(samples.get('mpc_signatures_total{suite="frost-secp256k1-taproot",result="success"}'), 1);
      assert.equal(samples.get('mpc_signature_seconds_count{suite="frost-secp256k1-taproot"}'), 1);
      assert.equal(samples.get('mpc_dkg_seconds_count{suite="frost-secp256k1-taproot"}'), 1);
      assert((samples.get("mpc_vote_processing_seconds_count") ?? 0) >= 1);
      assert((samples.get("mpc_consensus_round_seconds_count") ?? 0) >= 1);
      assert.equal(samples.get("mpc_attempts_per_signature_count"), 1);
    }
  });

  test("what the cluster is", async () => {
    const samples = await samplesOf(1);
    const expected = {
      mpc_nodes: 4,
      mpc_active_nodes: 4,
      mpc_connected_peers: 3,
      mpc_consensus_threshold: 3,
      mpc_vote_quorum: 3,
      mpc_banned_nodes: 0,
      mpc_dead_edges: 0,
      mpc_sealed: 0,
      mpc_transaction_queue_size: 0,
      mpc_approvals_waiting: 0,
      mpc_ready: 1,
      'mpc_account_frozen{account="taproot"}': 0,
      'mpc_cluster_status{status="ok"}': 1,
      'mpc_cluster_status{status="halted"}': 0,
      'mpc_sessions{phase="rounds"}': 0,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name);
    assert.equal(sum(samples, /^mpc_share_epoch\{/), 0);
    assert([...samples.keys()].some((name) => /^mpc_share_epoch\{key="[0-9a-f]{16}"\}$/.test(name)));
    assert((samples.get("mpc_ledger_height") ?? -1) >= 0);
    assert((samples.get("mpc_process_resident_memory_bytes") ?? 0) > 1e6);
    assert(samples.has('mpc_event_loop_lag_seconds{quantile="0.99"}'));
  });

  test("promises reached the journal's disk, and their writes were measured where they were made", async () => {
    const samples = await samplesOf(0);
    const writes = samples.get("mpc_journal_sync_seconds_count") ?? 0;
    assert(writes > 3, `${writes} writes`);
    assert((samples.get("mpc_journal_sync_seconds_sum") ?? 0) > 0);
    assert.equal(samples.get('mpc_journal_sync_seconds_bucket{le="+Inf"}'), writes);
    assert.equal(samples.get("mpc_journal_failures_total"), 0);
    assert((samples.get("mpc_journal_generation") ?? 0) > 3);
    assert((samples.get("mpc_store_sync_seconds_count") ?? 0) > 0);
    assert((samples.get('mpc_custody_call_seconds_count{call="receive"}') ?? 0) > 0);
  });

  test("the clock is compared with the Bitcoin server's, on this machine the same", async () => {
    const skew = await until("a comparison", PATIENCE_MS, async () =>
      (await samplesOf(0)).get('mpc_clock_skew_seconds{source="chain"}'),
    );
    assert(Math.abs(skew) < 5, `${skew} s`);
  });

  test("requests are counted by the route of the table, never by what was asked for", async () => {
    const { url } = cluster.api(0);
    await fetch(`${url}/api/v1/transactions/${txid}`);
    await fetch(`${url}/nothing/of/the/kind-${txid}`);
    const { samples, text } = await scrape(url);
    assert((samples.get('mpc_http_requests_total{route="/api/v1/transactions/:txid",status="200"}') ?? 0) >= 1);
    assert((samples.get('mpc_http_requests_total{route="none",status="404"}') ?? 0) >= 1);
    assert(!text.includes(txid.slice(0, 16)), "no label names a request");
  });
});

describe("one payment, as it is traced", () => {
  const traceOn = async (node: number, id: string): Promise<Trace> => {
    const response = await fetch(`${cluster.running.apiUrl(node)}/api/v1/debug/traces/${id}`);
    assert.equal(response.status, 200, `node ${node}`);
    return (await response.json()) as Trace;
  };

  test("the client is told its trace, which every node knows under the same name, with the spans of all signers", async () => {
    const [, trace, root] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(traceparent ?? "") ?? [];
    assert.equal(trace, txid.slice(0, 32));
    const traces = await Promise.all(NODES.map((node) => traceOn(node, trace)));
    assert.deepEqual(new Set(traces.map((found) => found.trace)), new Set([trace]));
    const spans = traces.flatMap((found) => found.spans);
    const ids = new Set(spans.map(({ span }) => span));
    for (const { span, parent, name } of spans)
      assert(span === root || ids.has(parent ?? ""), `${name} hangs on ${parent}, which is nobody's span`);
    const [request, ...others] = spans.filter(({ span }) => span === root);
    assert.deepEqual([request?.name, request?.node, others.length], ["request", "node1", 0]);
    assert.deepEqual(request?.links, [{ trace: CLIENT.slice(3, 35), span: CLIENT.slice(36, 52) }]);

    const signed = spans.find(({ name, attributes }) => name === "attempt" && attributes["outcome"] === "signed");
    const signers = String(signed?.attributes["signers"]).split(",");
    assert.equal(signers.length, 3);
    for (const signer of signers) {
      const own = spans.filter(({ node }) => node === signer);
      const rounds = own.filter(({ name }) => name === "round");
      assert(rounds.length >= 2, `${signer} has ${rounds.length} rounds`);
      for (const { attributes, end } of rounds) {
        assert(end !== null, "a round that is over has an end");
        assert(Number(attributes["waited_ms"]) >= 0);
        const [bytesIn, bytesOut] = [attributes["bytes_in"], attributes["bytes_out"]];
        assert(
          Number(bytesIn) > 0 && Number(bytesOut) > 0,
          `${signer} in ${attributes["round"]}: ${bytesIn}, ${bytesOut}`,
        );
        // Each of the three sends to both others, and no message is much longer than another.
        assert(Math.abs(Number(bytesIn) - Number(bytesOut)) < 200, `${bytesIn} came, ${bytesOut} went`);
      }
      assert(own.some(({ name, attributes }) => name === "attempt" && attributes["role"] === "signer"));
      assert(own.some(({ name, attributes }) => name === "vote" && attributes["own"] === true));
    }
    for (const node of ["node1", "node2", "node3", "node4"]) {
      const names = new Set(spans.filter((span) => span.node === node).map(({ name }) => name));
      for (const name of ["proposal", "vote", "signature", "confirmed"]) assert(names.has(name), `${node}: ${name}`);
    }
    // A node that hears of the block first has no broadcast of its own.
    assert(spans.some(({ name }) => name === "broadcast"));
  });

  test("what was never asked for has no trace", async () => {
    for (const id of ["0".repeat(32), "not-a-trace", "ab"]) {
      const response = await fetch(`${cluster.running.apiUrl(0)}/api/v1/debug/traces/${id}`);
      assert.equal(response.status, 404, id);
    }
  });
});

describe("when two of four nodes are gone", () => {
  before(async () => {
    await cluster.running.stopNode(2);
    await cluster.running.stopNode(3);
  });

  test("links lost are counted by peer, and the cluster's state is shown", async () => {
    const samples = await until("both seen as gone", PATIENCE_MS, async () => {
      const seen = await samplesOf(0);
      return seen.get("mpc_active_nodes") === 2 ? seen : undefined;
    });
    for (const name of ["node3", "node4"]) assert((samples.get(`mpc_network_errors_total{peer="${name}"}`) ?? 0) >= 1);
    assert.equal(samples.get('mpc_network_errors_total{peer="node2"}'), 0);
    assert.equal(samples.get("mpc_connected_peers"), 1);
    assert.equal(samples.get('mpc_cluster_status{status="halted"}'), 1);
    assert.equal(samples.get("mpc_ready"), 0);
    assert.equal(samples.get('mpc_ready_point{point="peers"}'), 0);
    assert.equal(samples.get('mpc_ready_point{point="store"}'), 1);
  });

  test("/ready says 503 and lists what is missing; /health still says that the process lives", async () => {
    const { url } = cluster.api(0);
    const ready = await fetch(`${url}/ready`);
    assert.equal(ready.status, 503);
    assert.equal(ready.headers.get("retry-after"), "5");
    const { reasons } = (await ready.json()) as Problem;
    assert.deepEqual(
      reasons?.map(({ name }) => name),
      ["peers"],
    );
    assert.match(reasons[0]!.detail, /2 of 4 nodes can vote and sign, 3 are needed/);
    assert.equal((await fetch(`${url}/health`)).status, 200);
  });

  test("a payment that waits is in the queue", async () => {
    const { status } = await cluster.api(0).pay({ recipient: DEMO_RECIPIENT, amount_sats: 30_000 }, "waits");
    assert.equal(status, 201);
    await until("the queue", PATIENCE_MS, async () =>
      (await samplesOf(0)).get("mpc_transaction_queue_size") === 1 ? true : undefined,
    );
  });
});
