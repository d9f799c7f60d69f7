/** Messages to be signed by a cluster's message key, and what else is asked of such a key. */
import { utf8 } from "@conclave/bytes";
import { attemptId } from "../attempts.ts";
import { proposalCodec, requestId, revisionDigest, type Request } from "../index.ts";
import type { Cluster } from "./cluster.ts";
import type { Motion } from "./payments.ts";

const circumstances = (cluster: Cluster, idempotencyKey: string, origin = 1) => ({
  cluster: "local",
  idempotencyKey,
  origin: cluster.idOf(origin),
  height: 0,
  expiresHeight: 1_000,
  wallet: cluster.key,
});

/** A request that has one revision, which adds nothing to it. */
function motionOf(request: Request): Motion & { readonly request: Request } {
  const id = requestId(request);
  const revision = { request: id, number: 1, psbt: new Uint8Array() };
  const proposal = proposalCodec.encode({ request, revision });
  return { request, id, number: 1, digest: revisionDigest(revision), coins: [], proposal };
}

export interface MessageOptions {
  readonly message?: Uint8Array;
  readonly hash?: "sha256" | "sha256d" | "keccak256";
  readonly idempotencyKey?: string;
}

export const message = (
  cluster: Cluster,
  { message = utf8("pay attention"), hash = "sha256", idempotencyKey = "letter 1" }: MessageOptions = {},
) => motionOf({ kind: "message", ...circumstances(cluster, idempotencyKey), message, hash });

export const bareDigest = (cluster: Cluster, digest: Uint8Array) =>
  motionOf({ kind: "digest", ...circumstances(cluster, "digest 1"), digest });

/** Something that nobody votes on: asked for where it says, opened and begun by whoever coordinates among `members`. */
export function carryOut(
  cluster: Cluster,
  request: Request,
  members: readonly number[] = cluster.all,
  attempt = 0,
): void {
  const id = requestId(request);
  const proposal = proposalCodec.encode({ request, revision: null });
  cluster.do(cluster.partyOf(request.origin), (custody, nowMs) => custody.propose(nowMs, proposal));
  cluster.pump();
  const coordinator = members[attempt % members.length]!;
  cluster.do(coordinator, (custody, nowMs) => custody.open(nowMs, id, 0, 0, attempt));
  cluster.pump();
  const name = attemptId({ request: id, revision: 0, digest: new Uint8Array(32), round: 0, attempt });
  cluster.do(coordinator, (custody, nowMs) => custody.begin(nowMs, name, []));
  cluster.pump();
}

export const presign = (cluster: Cluster, { count = 1, idempotencyKey = "presign 1" } = {}): Request => ({
  kind: "presign",
  ...circumstances(cluster, idempotencyKey),
  path: [],
  count,
});

/** `origin`: the party that asks; default: one end. */
export const rekey = (
  cluster: Cluster,
  a: number,
  b: number,
  { idempotencyKey = "rekey 1", origin = a } = {},
): Request => ({
  kind: "rekey",
  ...circumstances(cluster, idempotencyKey, origin),
  a: cluster.idOf(a),
  b: cluster.idOf(b),
});

/** Parties whose custody handed out the signature of a message. */
export const signedAt = (cluster: Cluster, { id }: Motion): readonly number[] =>
  cluster.all.filter((party) =>
    cluster.events(party, "messageSigned").some(({ request }) => request.join() === id.join()),
  );
