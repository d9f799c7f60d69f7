/**
 * Each end signs, with its TLS key, both ends' nonces, names and pinned keys; the other verifies with the key that the roster
 * pins. Three short messages on the stream before the mesh gets it:
 *
 *     dialler → listener   nonce
 *     listener → dialler   nonce, signature
 *     dialler → listener   signature
 *
 * What for: the QUIC library shows its client no certificate, so a dialler knows of the listener only that some authority of
 * ours signed its name. With the proof it knows that whoever holds the pinned key signed this very nonce. The signature is not
 * bound to the TLS channel; it need not be, because a listener signs for nobody whose own certificate, in that channel, does
 * not carry the pinned key of the dialler it names. Who sits in between with a certificate in the listener's name therefore
 * finds nobody to sign the dialler's nonce. The dialler's signature proves to the listener what the handshake proved already,
 * and that this is no replay of an earlier handshake's bytes: its nonce is new.
 *
 * It also ends a mistake that TLS 1.3 invites: a dialler's handshake is done before the listener has judged its certificate.
 * Here the listener's answer comes after that, so a dial that succeeds was accepted.
 */
import { createPublicKey, randomBytes, sign, verify, type KeyObject } from "node:crypto";
import { concatBytes, transcript } from "@conclave/bytes";
import { Refused } from "./refusal.ts";
import type { Session } from "./session.ts";

const NONCE_BYTES = 32;
/** r and s of P-256, IEEE P1363: always as long as this. */
const SIGNATURE_BYTES = 64;

/** One end of a connection, as the roster has it. */
export interface Party {
  readonly name: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly tlsKey: Uint8Array;
}

/** Done once the listener has proven itself to us. Throws `Refused`, and an `Error` when the connection ends before. */
export async function proveAsDialler(
  session: Session,
  ends: { readonly self: Party; readonly peer: Party },
  key: KeyObject,
) {
  const diallerNonce = randomBytes(NONCE_BYTES);
  session.write(diallerNonce);
  const answer = await session.read(NONCE_BYTES + SIGNATURE_BYTES);
  const content = contentOf(ends.self, ends.peer, diallerNonce, answer.subarray(0, NONCE_BYTES));
  checkSignature(ends.peer, content("listener"), answer.subarray(NONCE_BYTES));
  session.write(signature(content("dialler"), key));
}

/** Done once the dialler has proven itself to us. Throws like its counterpart. */
export async function proveAsListener(
  session: Session,
  ends: { readonly self: Party; readonly peer: Party },
  key: KeyObject,
) {
  const diallerNonce = await session.read(NONCE_BYTES);
  const listenerNonce = randomBytes(NONCE_BYTES);
  const content = contentOf(ends.peer, ends.self, diallerNonce, listenerNonce);
  session.write(concatBytes(listenerNonce, signature(content("listener"), key)));
  checkSignature(ends.peer, content("dialler"), await session.read(SIGNATURE_BYTES));
}

const contentOf =
  (dialler: Party, listener: Party, diallerNonce: Uint8Array, listenerNonce: Uint8Array) =>
  (signer: "dialler" | "listener"): Uint8Array =>
    transcript("transport-quic/proof", {
      signer,
      dialler: dialler.name,
      diallerKey: dialler.tlsKey,
      diallerNonce: new Uint8Array(diallerNonce),
      listener: listener.name,
      listenerKey: listener.tlsKey,
      listenerNonce: new Uint8Array(listenerNonce),
    });

const signature = (content: Uint8Array, key: KeyObject): Uint8Array =>
  sign("sha256", content, { key, dsaEncoding: "ieee-p1363" });

function checkSignature({ name, tlsKey }: Party, content: Uint8Array, bytes: Uint8Array): void {
  const key = createPublicKey({ key: Buffer.from(tlsKey), format: "der", type: "spki" });
  if (!verify("sha256", content, { key, dsaEncoding: "ieee-p1363" }, bytes))
    throw new Refused("unproven", `it does not hold the key that the roster pins for "${name}"`);
}
