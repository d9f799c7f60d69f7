/**
 * What a party says about itself to the others of its group, signed: what its operator typed, and how far it is. Nobody takes
 * part in anything that its own operator did not type; who typed something else is told what differs, and so is everybody.
 */
import {
  bool,
  codec,
  equalBytes,
  fixedBytes,
  list,
  literal,
  oneOf,
  optional,
  record,
  text,
  toHex,
  transcript,
  uint,
  type Codec,
} from "@conclave/bytes";
import type { PartyIndex } from "@conclave/protocol";
import { MAX_GROUP, partyNumber } from "./card.ts";

/** What a message was hashed with; `none` for a digest that was given as such. */
export const SIGNED_HASHES = ["sha256", "sha256d", "keccak256", "none"] as const;
export type SignedHash = (typeof SIGNED_HASHES)[number];

/** Steps of a derivation path: BIP32 wallets use five. */
export const MAX_PATH = 16;

export type Intent = KeygenIntent | SignIntent;

export interface KeygenIntent {
  readonly kind: "keygen";
  /** The share that this party holds, of the latest run; null before. */
  readonly holds: Uint8Array | null;
  /** Every party certified that share. */
  readonly active: boolean;
}

export interface SignIntent {
  readonly kind: "sign";
  /** Certificate of the key. */
  readonly key: Uint8Array;
  readonly digest: Uint8Array;
  readonly hash: SignedHash;
  readonly path: readonly number[];
  /** Who may take part, ascending. */
  readonly parties: readonly PartyIndex[];
  /** Parties that this one has lost its pairwise state with. */
  readonly lost: readonly PartyIndex[];
}

/** An attempt that this party gave up, and why: the others need not wait for it. */
export interface GivenUp {
  readonly attempt: string;
  readonly reason: string;
}

export interface Presence {
  /** Hash of the invite that it came with: two who hold different ones meet far enough to be told so. */
  readonly invite: Uint8Array;
  /** Drawn when the process began: another one means that it began anew, and remembers nothing. */
  readonly run: Uint8Array;
  /** Of two runs the later one counts. Milliseconds by the party's own clock. */
  readonly startedMs: number;
  /** Of two statements of one run the later one counts. */
  readonly serial: number;
  readonly intent: Intent;
  /** `done`: has what it came for. `leaving`: and needs nothing from anybody any more. */
  readonly stage: "waiting" | "done" | "leaving";
  readonly gaveUp: GivenUp | null;
}

const MAX_REASON = 200;

export const presenceCodec: Codec<Presence> = codec(
  record({
    invite: fixedBytes(32),
    run: fixedBytes(32),
    startedMs: uint(),
    serial: uint(),
    intent: oneOf({
      keygen: record({ holds: optional(fixedBytes(32)), active: bool }),
      sign: record({
        key: fixedBytes(32),
        digest: fixedBytes(32),
        hash: literal(...SIGNED_HASHES),
        path: list(uint({ max: 0xffff_ffff }), { max: MAX_PATH }),
        parties: list(partyNumber, { min: 2, max: MAX_GROUP }),
        lost: list(partyNumber, { max: MAX_GROUP }),
      }),
    }),
    stage: literal("waiting", "done", "leaving"),
    gaveUp: optional(record({ attempt: text({ max: 64 }), reason: text({ max: MAX_REASON }) })),
  }),
);

/** A reason short enough to be said. */
export const shortened = (reason: string): string => reason.slice(0, MAX_REASON);

/** Whether `next` is to be believed in place of `known`. */
export function isNewer(next: Presence, known: Presence | null): boolean {
  if (known === null) return true;
  if (equalBytes(next.run, known.run)) return next.serial > known.serial;
  return next.startedMs > known.startedMs;
}

/** What everybody who takes part has to have typed alike. */
export const intentHash = (intent: Intent): Uint8Array =>
  intent.kind === "keygen"
    ? transcript("party/intent/keygen", {})
    : transcript("party/intent/sign", {
        key: intent.key,
        digest: intent.digest,
        hash: intent.hash,
        path: [...intent.path],
        parties: [...intent.parties],
      });

/** In what another party's intent differs from ours, in words; empty if both can work together. */
export function differences(own: Intent, theirs: Intent): readonly string[] {
  if (own.kind === "keygen" || theirs.kind === "keygen")
    return own.kind === theirs.kind ? [] : [theirs.kind === "keygen" ? "it makes a key" : "it signs"];
  const found: string[] = [];
  if (!equalBytes(own.key, theirs.key)) found.push("it signs with another key");
  if (own.hash !== theirs.hash) found.push(`it hashes with ${theirs.hash}, and this party with ${own.hash}`);
  else if (!equalBytes(own.digest, theirs.digest))
    found.push(`its message is another one (hash ${brief(theirs.digest)}, and here ${brief(own.digest)})`);
  if (own.path.join() !== theirs.path.join())
    found.push(`its derivation path is ${printPath(theirs.path)}, and here ${printPath(own.path)}`);
  if (own.parties.join() !== theirs.parties.join())
    found.push(`it signs among parties ${theirs.parties.join(", ")}, and this party among ${own.parties.join(", ")}`);
  return found;
}

const BRIEF_DIGITS = 16;
const brief = (digest: Uint8Array): string => `${toHex(digest).slice(0, BRIEF_DIGITS)}…`;

/** `m/0/5`. */
export const printPath = (path: readonly number[]): string => ["m", ...path].join("/");
