/** The few questions that this adapter asks of etcd, each with the reading of its answer. */
import { CODES, EtcdRefused } from "./errors.ts";
import type { EtcdGateway } from "./gateway.ts";
import { FAREWELL_DEADLINE_MS } from "./limits.ts";
import {
  parseGrant,
  parseHeader,
  parseKeepAlive,
  parseListing,
  parseStatus,
  parseSwap,
  type Listing,
  type MemberStatus,
  type Swap,
} from "./shapes.ts";
import { endOf } from "./layout.ts";

const encoded = (text: string | Uint8Array): string => Buffer.from(text).toString("base64");

export interface Write {
  readonly key: string;
  readonly value: Uint8Array;
  /** Null: stays until it is deleted. */
  readonly lease: string | null;
  /** What has to stand there for it to be written: nothing (0), or what was written at this revision. */
  readonly expected: bigint;
}

/** Compare and swap: one transaction, after which the caller knows what stands there. */
export const swap = (gateway: EtcdGateway, { key, value, lease, expected }: Write): Promise<Swap> =>
  transact(gateway, key, expected, {
    request_put: { key: encoded(key), value: encoded(value), ...(lease === null ? {} : { lease }) },
  });

/** Delete what was written at a revision, and nothing that came later. */
export const remove = (gateway: EtcdGateway, key: string, expected: bigint): Promise<Swap> =>
  transact(gateway, key, expected, { request_delete_range: { key: encoded(key) } });

function transact(gateway: EtcdGateway, key: string, expected: bigint, success: object): Promise<Swap> {
  const name = encoded(key);
  // A key that is absent has modification revision 0, so that one comparison serves for both.
  const compare = { target: "MOD", result: "EQUAL", key: name, mod_revision: expected.toString() };
  const question = { compare: [compare], success: [success], failure: [{ request_range: { key: name } }] };
  return gateway.call("/v3/kv/txn", question, (answer) => parseSwap(answer, key));
}

export interface Page {
  readonly prefix: string;
  readonly limit: number;
  /** Only what was written at this revision or later. */
  readonly since: bigint;
  /** As it was then; 0 for now. */
  readonly at: bigint;
}

/** Keys below a prefix in the order in which they were written. Linearizable: asks the majority. */
export const list = (gateway: EtcdGateway, { prefix, limit, since, at }: Page): Promise<Listing> =>
  gateway.call(
    "/v3/kv/range",
    {
      key: encoded(prefix),
      range_end: encoded(endOf(prefix)),
      limit: limit.toString(),
      min_mod_revision: since.toString(),
      revision: at.toString(),
      sort_target: "MOD",
      sort_order: "ASCEND",
    },
    (answer) => parseListing(answer, prefix),
    { asksForMuch: true },
  );

/** What has to be told to watch everything below a prefix from a revision on. */
export const watchQuestion = (prefix: string, from: bigint) => ({
  create_request: {
    key: encoded(prefix),
    range_end: encoded(endOf(prefix)),
    start_revision: from.toString(),
    fragment: true,
  },
});

export const grantLease = (gateway: EtcdGateway, ttlSeconds: number): Promise<string> =>
  gateway.call("/v3/lease/grant", { TTL: ttlSeconds.toString() }, parseGrant);

/** False if the lease is gone. */
export const keepAlive = (gateway: EtcdGateway, id: string): Promise<boolean> =>
  gateway.call("/v3/lease/keepalive", { ID: id }, (answer) => parseKeepAlive(answer) > 0);

/** Gives a lease back, with everything under it; one that is gone is as good. */
export async function revokeLease(gateway: EtcdGateway, id: string): Promise<void> {
  try {
    await gateway.call("/v3/lease/revoke", { ID: id }, parseHeader, { deadlineMs: FAREWELL_DEADLINE_MS });
  } catch (error) {
    if (!(error instanceof EtcdRefused && error.code === CODES.notFound)) throw error;
  }
}

export const memberStatus = (gateway: EtcdGateway): Promise<MemberStatus> =>
  gateway.call("/v3/maintenance/status", {}, parseStatus);
