/** Keys that the cluster makes on request, and what this node knows of the ones it has. */
import { equalBytes, toHex } from "@conclave/bytes";
import {
  MAX_PRESIGNATURES,
  proposalCodec,
  requestCodec,
  requestId,
  viewKey,
  type CustodyStatus,
  type KeygenRequestBody,
  type KeyView,
  type PresignRequestBody,
  type RekeyRequestBody,
} from "@conclave/custody";
import type { NodeId } from "@conclave/consensus";
import { accountOf, type Account } from "./accounts.ts";
import type { Context } from "./context.ts";
import { requestHex } from "./records.ts";
import { EVENT_STATUSES, type StoredEvent } from "./store/events.ts";
import type { RequestId } from "./store/ids.ts";

/** Ledger steps within which a key generation has to succeed: a day. */
const KEYGEN_EXPIRY_STEPS = 86_400;
/** An edge is made anew while its operator looks on. */
const REKEY_EXPIRY_STEPS = 3_600;
/** Presignatures die with the process, so nobody wants them much later. */
const PRESIGN_EXPIRY_STEPS = 3_600;

type Scheme = KeygenRequestBody["scheme"];

/** The one scheme of keys for messages: its signatures are what other systems verify. */
export const MESSAGE_SCHEME: Scheme = "dkls23-secp256k1";

/** What a key is for. Names of message keys tell people which is which; a name means one key. */
export type KeyWish =
  | { readonly purpose: "wallet"; readonly scheme: Scheme }
  | { readonly purpose: "messages"; readonly scheme: Scheme; readonly name: string };

/** A key as people see it. */
export interface KeyListing extends KeyView {
  readonly id: Uint8Array;
  /** What it was asked for under; null for a wallet's key, and for one whose request this node does not know any more. */
  readonly name: string | null;
  /** Null for a key that is no account of the wallet. */
  readonly account: Account | null;
  /** Whether each two nodes that hold shares have an edge. */
  readonly edges: boolean;
  /** How many prepared signatures this node has parts of. */
  readonly presignatures: number;
}

/** A key that was asked for and is not there. */
export interface KeyUnderWay {
  readonly request: RequestId;
  readonly name: string | null;
  readonly scheme: Scheme;
  readonly purpose: string;
  readonly state: "making" | "failed";
  readonly reason: string | null;
}

/** A rekey that cannot be. */
export class RekeyRefused extends Error {
  override readonly name = "RekeyRefused";
  readonly code: "unknown-key" | "no-edges" | "not-two-members";
  constructor(code: RekeyRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** Presignatures that cannot be. */
export class PresignRefused extends Error {
  override readonly name = "PresignRefused";
  readonly code: "unknown-key" | "no-presignatures";
  constructor(code: PresignRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** How many presignatures of a key custody has parts of. */
const waitingOf = ({ presignatures }: CustodyStatus, key: Uint8Array): number =>
  presignatures.find((held) => equalBytes(held.key, key))?.waiting ?? 0;

interface Known {
  readonly event: StoredEvent;
  readonly request: KeygenRequestBody;
}

export class KeyRequests {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Ask the cluster for a key, unless that is under way or done. A request that failed does not stand in the way. */
  async ask(wish: KeyWish): Promise<RequestId> {
    const { network, self, threshold, quorum, store, ledger, roster } = this.#context;
    const stem = stemOf(wish, network);
    const earlier = (await this.#known()).filter(({ request }) => request.idempotencyKey.startsWith(stem));
    const standing = earlier.find(({ event }) => !OVER.has(event.status));
    if (standing !== undefined) return standing.event.request;
    const idempotencyKey = `${stem}${earlier.length + 1}`;
    const unfinished = await store.requests.byIdempotencyKey(idempotencyKey);
    if (unfinished !== undefined) return unfinished.id;
    const height = ledger.height();
    return this.#propose({
      kind: "keygen",
      cluster: roster.cluster,
      idempotencyKey,
      origin: self,
      height,
      expiresHeight: height + KEYGEN_EXPIRY_STEPS,
      scheme: wish.scheme,
      purpose: wish.purpose === "wallet" ? `wallet/${network}` : "messages",
      threshold,
      quorum,
    });
  }

  /** Have two members make their edge of a key anew. Throws `RekeyRefused`. */
  async rekey(key: Uint8Array, a: NodeId, b: NodeId): Promise<RequestId> {
    const { roster, self, ledger, clock } = this.#context;
    const held = await this.#held(key);
    const name = named(key);
    if (held === undefined) throw new RekeyRefused("unknown-key", `this node holds no share of ${name}`);
    const { members, scheme } = held;
    if (!hasEdges(scheme)) throw new RekeyRefused("no-edges", `${name} is a ${scheme} key, whose nodes share no edges`);
    if (a === b || ![a, b].every((end) => members.some(({ node }) => node === end)))
      throw new RekeyRefused("not-two-members", `an edge of ${name} lies between two different nodes that hold shares`);
    const height = ledger.height();
    return this.#propose({
      kind: "rekey",
      cluster: roster.cluster,
      // Every word of an operator is a request of its own: an edge may die again.
      idempotencyKey: `rekey/${[toHex(key), a, b].map((id) => id.slice(0, 16)).join("/")}/${clock.nowMs()}`,
      origin: self,
      height,
      expiresHeight: height + REKEY_EXPIRY_STEPS,
      wallet: key,
      a,
      b,
    });
  }

  /** Have `count` signatures with a key for messages prepared, 1 to 20. Throws `PresignRefused`. */
  async presign(key: Uint8Array, count: number): Promise<RequestId> {
    const { roster, self, ledger, clock } = this.#context;
    const held = await this.#held(key);
    if (held === undefined) throw new PresignRefused("unknown-key", `this node holds no share of ${named(key)}`);
    const { purpose, scheme } = held;
    if (purpose !== "messages" || scheme !== MESSAGE_SCHEME) {
      const why = "presignatures are made for keys for messages, whose signatures all come from one and the same key";
      throw new PresignRefused("no-presignatures", `${named(key)} is a ${scheme} key for ${purpose}: ${why}`);
    }
    const waiting = waitingOf(await this.#context.news.look(), key);
    if (waiting + count > MAX_PRESIGNATURES) {
      const room = `there is room for ${MAX_PRESIGNATURES}`;
      throw new PresignRefused("no-presignatures", `${waiting} presignatures of ${named(key)} wait here, and ${room}`);
    }
    const height = ledger.height();
    return this.#propose({
      kind: "presign",
      cluster: roster.cluster,
      // Every word of an operator is a request of its own: what was prepared before is used up some day.
      idempotencyKey: `presign/${toHex(key).slice(0, 16)}/${clock.nowMs()}`,
      origin: self,
      height,
      expiresHeight: height + PRESIGN_EXPIRY_STEPS,
      wallet: key,
      path: [],
      count,
    });
  }

  async #held(key: Uint8Array): Promise<KeyView | undefined> {
    const { keys } = await this.#context.news.look();
    const held = keys.find((candidate) => equalBytes(candidate.key, key));
    return held && viewKey(held.record);
  }

  async #propose(request: KeygenRequestBody | RekeyRequestBody | PresignRequestBody): Promise<RequestId> {
    const { custody, clock, submit } = this.#context;
    await submit(await custody.propose(clock.nowMs(), proposalCodec.encode({ request, revision: null })));
    return requestHex(requestId(request));
  }

  /** Every active key that this node holds a share of. */
  async list(): Promise<readonly KeyListing[]> {
    const status = await this.#context.news.look();
    const names = new Map(
      (await this.#known()).flatMap(({ event, request }) =>
        event.result === null ? [] : [[toHex(event.result), nameOf(request)] as const],
      ),
    );
    return status.keys.map(({ key, record }) => {
      const view = viewKey(record);
      const account = view.purpose === `wallet/${this.#context.network}` ? accountOf(view.scheme) : undefined;
      const name = names.get(toHex(key)) ?? null;
      const presignatures = waitingOf(status, key);
      return { ...view, id: key, name, account: account ?? null, edges: hasEdges(view.scheme), presignatures };
    });
  }

  /** What was asked for and is not there, newest last. */
  async underWay(): Promise<readonly KeyUnderWay[]> {
    const known = await this.#known();
    const isLast = ({ request }: Known, i: number): boolean =>
      !known.slice(i + 1).some((later) => stem(later.request) === stem(request));
    return known.filter(isLast).flatMap(({ event: { request: id, status, error }, request }): KeyUnderWay[] => {
      if (status === "SUCCESS") return [];
      const { scheme, purpose } = request;
      const state = OVER.has(status) ? "failed" : "making";
      return [{ request: id, name: nameOf(request), scheme, purpose, state, reason: error }];
    });
  }

  /** Every key generation that this node has heard of, by height. */
  async #known(): Promise<readonly Known[]> {
    const { events, requests } = this.#context.store;
    const known: Known[] = [];
    for (const status of EVENT_STATUSES) {
      for (const event of await events.list({ status, type: "KEYGEN", limit: 500 })) {
        const stored = await requests.get(event.request);
        const request = stored && requestCodec.decode(stored.body);
        if (request?.kind === "keygen") known.push({ event, request });
      }
    }
    return known.toSorted((a, b) => a.event.height - b.event.height);
  }
}

/** A key generation that will not succeed any more. */
const OVER: ReadonlySet<string> = new Set(["FAILED", "EXPIRED"]);

/** Begins the idempotency keys of all requests for one key; a number follows. */
const stemOf = (wish: KeyWish, network: string): string =>
  wish.purpose === "wallet" ? `wallet/${network}/${wish.scheme}/` : `key/messages/${wish.name}/`;

const stem = ({ idempotencyKey }: KeygenRequestBody): string => idempotencyKey.replace(/\d+$/, "");

/** Requests of other nodes may name what they like: what no API would take is no name. */
const nameOf = ({ idempotencyKey }: KeygenRequestBody): string | null =>
  /^key\/messages\/([a-z0-9][a-z0-9_-]{0,31})\/\d+$/.exec(idempotencyKey)?.[1] ?? null;

const named = (key: Uint8Array): string => `key ${toHex(key).slice(0, 16)}…`;

/** Whether nodes with shares of such a key hold a secret with every other one: oblivious transfer, made once, used often. */
export const hasEdges = (scheme: string): boolean => scheme === "dkls23-secp256k1";
