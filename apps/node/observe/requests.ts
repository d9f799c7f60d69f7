/** Which suite signs a request: from what the proposal said, or from history after a restart. */
import { toHex } from "@conclave/bytes";
import { requestCodec, viewKey, type Request } from "@conclave/custody";
import type { RequestId, Store } from "@conclave/node";
import { Recent } from "./recent.ts";

/** What is neither in memory nor in history. */
export const UNKNOWN_SUITE = "unknown";

export interface Subject {
  /** What is asked for: `payment`, `message`, `digest`, `keygen`, `rekey`, `presign`. */
  readonly kind: Request["kind"];
  /** Id of the key that signs, hexadecimal; null for a request that makes one. */
  readonly key: string | null;
  /** The scheme of a key that is to be made; null for others. */
  readonly scheme: string | null;
}

export class Requests {
  readonly #store: Pick<Store, "requests">;
  readonly #subjects = new Recent<Subject>();
  readonly #suites = new Map<string, string>();

  constructor(store: Pick<Store, "requests">) {
    this.#store = store;
  }

  proposed(id: string, request: Request): void {
    this.#subjects.set(id, subjectOf(request));
  }

  /** A key is in use: `record` as custody tells it. */
  keyKnown(key: Uint8Array, record: Uint8Array): void {
    this.#suites.set(toHex(key), viewKey(record).scheme);
  }

  known(id: string): Subject | undefined {
    return this.#subjects.get(id);
  }

  /** What a request is about. Undefined for one that this node does not know. */
  async subject(id: string): Promise<Subject | undefined> {
    const known = this.#subjects.get(id);
    if (known !== undefined) return known;
    const stored = await this.#store.requests.get(id as RequestId);
    if (stored === undefined) return undefined;
    const subject = subjectOf(requestCodec.decode(stored.body));
    this.#subjects.set(id, subject);
    return subject;
  }

  suiteOf(subject: Subject | undefined): string {
    if (subject === undefined) return UNKNOWN_SUITE;
    return subject.scheme ?? this.#suites.get(subject.key ?? "") ?? UNKNOWN_SUITE;
  }
}

const subjectOf = (request: Request): Subject => ({
  kind: request.kind,
  key: "wallet" in request ? toHex(request.wallet) : null,
  scheme: request.kind === "keygen" ? request.scheme : null,
});
