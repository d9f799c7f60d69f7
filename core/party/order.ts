/** What an operator wants signed, and under which child of the key: checked before anybody hears of it. */
import { hashMessage, refuseTransactionPreimage, type MessageHash } from "@conclave/bitcoin";
import { resolveTweak, type Group, type Point, type TweakContext } from "@conclave/crypto";
import type { PartyIndex } from "@conclave/protocol";
import { PartyFailure } from "./failure.ts";
import type { HeldKey } from "./keys.ts";
import { MAX_PATH, type SignedHash } from "./presence.ts";

/** Longer documents are signed by a text that names their hash; as in the cluster. */
export const MAX_MESSAGE_BYTES = 65_536;

/** What is to be signed. Every signer hashes the message itself. */
export type Content =
  | { readonly kind: "message"; readonly message: Uint8Array; readonly hash: MessageHash }
  /** A hash whose message nobody shows. */
  | { readonly kind: "digest"; readonly digest: Uint8Array };

export interface SignatureOrder {
  readonly content: Content;
  /** Non-hardened BIP32 steps below the key; empty for the key itself. */
  readonly path: readonly number[];
  /** Who may sign; null: any of the group. */
  readonly parties: readonly PartyIndex[] | null;
}

const DIGEST_BYTES = 32;

/** The 32 bytes that are signed. Throws `PartyFailure` "refused" for what may be the preimage of a spend. */
export function digestOf(content: Content): { readonly digest: Uint8Array; readonly hash: SignedHash } {
  if (content.kind === "digest") {
    if (content.digest.length !== DIGEST_BYTES) throw new PartyFailure("refused", "a digest is 32 bytes");
    return { digest: content.digest, hash: "none" };
  }
  const { message, hash } = content;
  if (message.length > MAX_MESSAGE_BYTES)
    throw new PartyFailure(
      "refused",
      `the message has ${message.length} bytes where ${MAX_MESSAGE_BYTES} are allowed: sign a text that names its hash instead`,
    );
  const refusal = refuseTransactionPreimage(message, hash);
  if (refusal !== null) throw new PartyFailure("refused", refusal.message);
  return { digest: hashMessage(message, hash), hash };
}

const FIRST_HARDENED = 0x8000_0000;

/** Why keys of this kind have no such child; null if they have. */
export function pathRefusal({ invite }: Pick<HeldKey, "invite">, path: readonly number[]): string | null {
  if (path.length === 0) return null;
  if (invite.scheme === "frost-ed25519") return "an Ed25519 key has no children: BIP32 is for secp256k1";
  if (path.length > MAX_PATH) return `a path has at most ${MAX_PATH} steps`;
  const hardened = path.find((step) => step >= FIRST_HARDENED);
  if (hardened !== undefined)
    return `${hardened - FIRST_HARDENED}' is hardened: nobody holds the whole secret that a hardened child is made of. Leave the mark out`;
  return null;
}

/** The child of a key, as every signer computes it. */
export function childOf(
  group: Group,
  { share: { record } }: Pick<HeldKey, "share">,
  path: readonly number[],
): { readonly publicKey: Point; readonly tweak: TweakContext } {
  const tweak: TweakContext = { path, taproot: null };
  if (path.length === 0) return { publicKey: record.publicKey, tweak };
  return { publicKey: resolveTweak(group, record, tweak, { evenY: false }).publicKey, tweak };
}
