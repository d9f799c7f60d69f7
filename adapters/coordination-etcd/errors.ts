/** What can go wrong between a node and its etcd. None of these holds a password, a token or a statement. */
import { MAX_ERROR_TEXT } from "./limits.ts";

/** No endpoint gave an answer that can be used. A later try may succeed. */
export class EtcdUnreachable extends Error {
  override readonly name = "EtcdUnreachable";
  /** By endpoint: why not. */
  readonly reasons: ReadonlyMap<string, string>;
  constructor(reasons: ReadonlyMap<string, string>) {
    const each = [...reasons].map(([endpoint, reason]) => `${endpoint}: ${reason}`).join("; ");
    super(
      `no etcd endpoint answered (${each}); check that etcd runs, its addresses, and the certificates of both sides`,
    );
    this.reasons = reasons;
  }
}

/** etcd answered, and would not do it. */
export class EtcdRefused extends Error {
  override readonly name = "EtcdRefused";
  /** gRPC status code, see `CODES`. */
  readonly code: number;
  constructor(endpoint: string, code: number, text: string) {
    super(`etcd at ${endpoint} refused: ${text}${ADVICE.get(code) ?? ""}`);
    this.code = code;
  }
}

/** An answer that no honest etcd gives. The endpoint is left for another one. */
export class EtcdLied extends Error {
  override readonly name = "EtcdLied";
  constructor(what: string) {
    super(`an answer that no etcd gives: ${what}`);
  }
}

/** The options cannot work. Says which and what would. */
export class EtcdMisconfigured extends Error {
  override readonly name = "EtcdMisconfigured";
}

/** gRPC status codes as etcd uses them. */
export const CODES = {
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const ADVICE: ReadonlyMap<number, string> = new Map([
  [CODES.permissionDenied, "; give this node's etcd user a role that may read and write the cluster's prefix"],
  [CODES.unauthenticated, "; check the etcd user and its password"],
  [
    CODES.resourceExhausted,
    "; if its database is full, compact and defragment it, raise its quota and disarm the alarm (etcdctl alarm disarm)",
  ],
]);

/** Words of etcd, which may be anybody's: short, and nothing that moves a cursor. */
export const shown = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, MAX_ERROR_TEXT);
