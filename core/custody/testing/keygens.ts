/** Key generations of a cluster, from the request to the certificate. */
import { attemptId } from "../attempts.ts";
import { proposalCodec, requestId, type KeygenRequestBody } from "../index.ts";
import type { Cluster } from "./cluster.ts";

export const keygenRequest = (cluster: Cluster, { idempotencyKey = "key 1" } = {}): KeygenRequestBody => ({
  kind: "keygen",
  cluster: "local",
  idempotencyKey,
  origin: cluster.idOf(1),
  height: 0,
  expiresHeight: 1_000,
  scheme: "frost-secp256k1-taproot",
  purpose: "wallet/regtest",
  threshold: cluster.settings.threshold,
  quorum: cluster.settings.quorum,
});

export function proposeKeygen(cluster: Cluster, request: KeygenRequestBody): void {
  const proposal = proposalCodec.encode({ request, revision: null });
  cluster.do(1, (custody, nowMs) => custody.propose(nowMs, proposal));
  cluster.pump();
}

export const keygenAttempt = (request: KeygenRequestBody, attempt = 0): string =>
  attemptId({ request: requestId(request), revision: 0, digest: new Uint8Array(32), round: 0, attempt });

/** Who coordinates: at height 0, party attempt + 1. */
const coordinatorOf = (cluster: Cluster, attempt: number): number => (attempt % cluster.nodes.length) + 1;

export function openKeygen(cluster: Cluster, request: KeygenRequestBody, attempt = 0): void {
  cluster.do(coordinatorOf(cluster, attempt), (custody, nowMs) =>
    custody.open(nowMs, requestId(request), 0, 0, attempt),
  );
  cluster.pump();
}

export function beginKeygen(cluster: Cluster, request: KeygenRequestBody, attempt = 0): void {
  cluster.do(coordinatorOf(cluster, attempt), (custody, nowMs) =>
    custody.begin(nowMs, keygenAttempt(request, attempt), []),
  );
  cluster.pump();
}

/** A whole key generation. The key's id if it is active everywhere, else null. */
export function runKeygen(cluster: Cluster, { attempt = 0, request = keygenRequest(cluster) } = {}): Uint8Array | null {
  proposeKeygen(cluster, request);
  openKeygen(cluster, request, attempt);
  beginKeygen(cluster, request, attempt);
  const active = cluster.nodes.map(({ custody }) => custody.status().keys[0]?.key);
  return active.every((key) => key !== undefined) ? active[0]! : null;
}
