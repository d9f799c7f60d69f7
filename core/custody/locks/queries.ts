/** Questions about the promises of this node that nothing is decided by: for coin selection, status and signer choice. */
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { edgeKey, isHeld, isOpen, secretKey, type Intent, type LockState } from "./state.ts";

/** A coin that this node promised to a payment, and that the payment may still spend whatever this node does. */
export interface LockedCoin {
  /** `txid:vout` */
  readonly outpoint: string;
  /** Id of the request, hexadecimal. */
  readonly intent: string;
  /** The transaction this node signed with it; null while it only voted. */
  readonly txid: string | null;
}

/**
 * Coins of a wallet that no other request may be given: those in every revision this node voted for that is not proven
 * dead, abandoned by this node or not. `except` is the request that looks for coins (hexadecimal id): its own locks do not
 * stand in its way.
 */
export function lockedCoins(state: LockState, wallet: Uint8Array, except?: string): readonly LockedCoin[] {
  const owner = toHex(wallet);
  const coins = new Map<string, LockedCoin>();
  for (const intent of state.intents.values()) {
    if (intent.wallet !== owner || intent.id === except) continue;
    for (const [number, content] of intent.contents) {
      if (!isHeld(intent, number, content)) continue;
      for (const outpoint of content.outpoints) {
        const txid = content.signed ?? coins.get(outpoint)?.txid ?? null;
        coins.set(outpoint, { outpoint, intent: intent.id, txid });
      }
    }
  }
  return [...coins.values()];
}

/**
 * Satoshis that this node promised since a moment, each payment once, but for the payment `except` (hexadecimal id). One that is
 * proven dead in every revision that this node approved counts no more; an own abandon alone gives nothing back, because the
 * others may still complete it. A clock that ran backwards gives nothing back either.
 */
export function promisedSince(state: LockState, sinceMs: number, except: string): bigint {
  let total = 0n;
  for (const intent of state.intents.values()) {
    if (intent.promise === null || intent.promise.atMs <= sinceMs || intent.id === except) continue;
    const contents = [...intent.contents];
    const isDead = !intent.ended && contents.every(([number, content]) => !isHeld(intent, number, content));
    if (contents.length === 0 || !isDead) total += intent.promise.sats;
  }
  return total;
}

/** Payments that this node signed and that can still happen. Expired ones among them are UNRESOLVED and keep their coins. */
export const signedIntents = (state: LockState): readonly Intent[] =>
  [...state.intents.values()].filter(
    (intent) =>
      !intent.ended &&
      [...intent.contents].some(([number, content]) => content.signed !== null && isOpen(intent, number, content)),
  );

/** True if one end of the edge said that its pairwise setup is not to be used any more. */
export const isEdgeDead = (state: LockState, setup: Uint8Array, a: NodeId, b: NodeId): boolean =>
  state.deadEdges.get(toHex(setup))?.has(edgeKey({ a, b })) === true;

/** True if the one-use secret may not be used (again). */
export const isSpent = (state: LockState, purpose: string, id: Uint8Array): boolean =>
  state.spent.has(secretKey({ purpose, id }));
