import { assert, transcript, type TranscriptFields } from "@conclave/bytes";

/** Session id, 32 bytes. Built only by `ssidFromAcks`, so that it can be neither a constant nor used twice. */
export type Ssid = Uint8Array & { readonly __brand: "Ssid" };

/**
 * ssid = H(`tag`; fields, H of all signed acks in ascending sender order). Each ack holds a fresh nonce of its sender, so
 * no party can make an id repeat: a one-use secret used under one ssid twice would give the key away.
 */
export function ssidFromAcks(
  tag: "ssid/keygen" | "ssid/session",
  fields: TranscriptFields,
  signedAcks: readonly Uint8Array[],
): Ssid {
  assert(signedAcks.length >= 2, "a session has at least two acks");
  return transcript("ssid", {
    purpose: tag,
    ...fields,
    acks: transcript("ssid/acks", { acks: [...signedAcks] }),
  }) as Ssid;
}
