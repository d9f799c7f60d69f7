/** A purpose has one key: attempts that overlap, after a crash or with messages held back, never leave two of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@conclave/bytes";
import { MAX_HELD_KEYS } from "./attempts.ts";
import { Cluster, type Frame } from "./testing/cluster.ts";
import { beginKeygen, keygenRequest, openKeygen, runKeygen } from "./testing/keygens.ts";

const keysOf = (cluster: Cluster): readonly (readonly string[])[] =>
  cluster.nodes.map(({ custody }) => custody.status().keys.map(({ key }) => toHex(key)));

/** Holds back every certificate, and gives them out later. */
function holdCertificates(cluster: Cluster): { readonly release: () => void } {
  const held: Frame[] = [];
  cluster.route = (frame, { header }) => {
    if (header.kind !== "certificate") return [frame];
    held.push(frame);
    return [];
  };
  return {
    release() {
      cluster.route = null;
      cluster.inject(...held.splice(0));
      cluster.pump();
    },
  };
}

test("a key that exists is not made a second time", () => {
  const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
  assert.ok(runKeygen(cluster) !== null);
  const again = { ...keygenRequest(cluster), idempotencyKey: "key 2" };
  runKeygen(cluster, { request: again });
  openKeygen(cluster, again, 1);
  beginKeygen(cluster, again, 1);
  for (const keys of keysOf(cluster)) assert.equal(keys.length, 1);
  assert.match(cluster.dropped(2).join("\n"), /there is a frost-secp256k1-taproot key for wallet\/regtest/);
});

test("when a first attempt's certificates arrive in the middle of a second, its key is the only one", () => {
  const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
  const request = keygenRequest(cluster);
  const certificates = holdCertificates(cluster);
  runKeygen(cluster, { request });
  openKeygen(cluster, request, 1);
  certificates.release();
  const [first] = keysOf(cluster)[0]!;
  assert.ok(first !== undefined);
  beginKeygen(cluster, request, 1);
  for (const keys of keysOf(cluster)) assert.deepEqual(keys, [first]);
});

test("when both attempts' certificates were held back, all nodes end with the same single key", () => {
  const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
  const request = keygenRequest(cluster);
  const certificates = holdCertificates(cluster);
  runKeygen(cluster, { request });
  openKeygen(cluster, request, 1);
  beginKeygen(cluster, request, 1);
  certificates.release();
  const all = keysOf(cluster);
  for (const keys of all) assert.deepEqual([keys.length, keys[0]], [1, all[0]![0]]);
});

/** The last member never hears the others' last round, so that it alone ends an attempt without a share. */
function lastMissesOut(cluster: Cluster): void {
  cluster.route = (frame, { header }) =>
    header.round === "keygen/4-confirm" && frame.to === cluster.nodes.length ? [] : [frame];
}

test("a key that one member does not hold gives way to the next attempt's, and is never certified", () => {
  const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
  const request = keygenRequest(cluster);
  lastMissesOut(cluster);
  assert.equal(runKeygen(cluster, { request }), null);
  assert.deepEqual(
    cluster.nodes.map(({ custody }) => custody.status().pendingKeys.length),
    [1, 1, 0],
  );
  cluster.route = null;
  openKeygen(cluster, request, 1);
  beginKeygen(cluster, request, 1);
  const all = keysOf(cluster);
  for (const keys of all) assert.deepEqual([keys.length, keys[0]], [1, all[0]![0]]);
  assert.deepEqual(
    cluster.nodes.map(({ custody }) => custody.status().pendingKeys.length),
    [1, 1, 0],
  );
});

test("a second request for the same purpose ends the sessions of the first", () => {
  const cluster = new Cluster({ n: 3, t: 2, withKey: false }).start();
  const [first, second] = [keygenRequest(cluster), { ...keygenRequest(cluster), idempotencyKey: "key 2" }];
  const certificates = holdCertificates(cluster);
  const held: Frame[] = [];
  const onlySteps = cluster.route!;
  cluster.route = (frame, envelope) => {
    if (envelope.header.round !== "keygen/4-confirm" || held.length >= 2) return onlySteps(frame, envelope);
    held.push(frame);
    return [];
  };
  runKeygen(cluster, { request: first });
  runKeygen(cluster, { request: second });
  cluster.inject(...held);
  cluster.pump();
  certificates.release();
  const all = keysOf(cluster);
  for (const keys of all) assert.deepEqual([keys.length, keys[0]], [1, all[0]![0]]);
});

test("a node that holds more unfinished keys than it can name makes no further one", () => {
  const cluster = new Cluster({ n: 2, t: 2, withKey: false }).start();
  const request = keygenRequest(cluster);
  lastMissesOut(cluster);
  for (let attempt = 0; attempt <= MAX_HELD_KEYS; attempt++) runKeygen(cluster, { request, attempt });
  openKeygen(cluster, request, MAX_HELD_KEYS + 2);
  assert.match(cluster.dropped(1).at(-1)!, /too many unfinished keys for wallet\/regtest/);
});
