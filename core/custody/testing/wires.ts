/** Envelopes taken apart and put together again by hand, from the written format and not from the code that makes them. */
import { concatBytes, rawCbor, transcript, utf8 } from "@conclave/bytes";
import { headerCodec, type Envelope, type Kind } from "../envelope.ts";
import type { Identity } from "../identity.ts";
import { approve, abandon, payment, propose, sign } from "./payments.ts";
import { Cluster } from "./cluster.ts";
import { runKeygen } from "./keygens.ts";

/** An envelope of these very header bytes, signed by `identity` whatever they say. */
export function resign(identity: Identity, header: Uint8Array, body: Uint8Array): Uint8Array {
  const signed = concatBytes(
    utf8("conclave/env/v1"),
    transcript("custody/envelope/header", { header }),
    transcript("custody/envelope/body", { body }),
  );
  return rawCbor.encode([header, body, identity.envelope.sign(signed)]);
}

/** The same envelope with another header, under the signature of the old one. */
export const withHeader = ({ body, signature }: Envelope, header: Uint8Array): Uint8Array =>
  rawCbor.encode([header, body, signature]);

export const headerBytes = ({ header }: Envelope): Uint8Array => headerCodec.encode(header);

/** One honest envelope of every kind that there is, with its sender, from a cluster of four that makes its key itself. */
export function oneOfEachKind(
  cluster: Cluster,
): ReadonlyMap<Kind, { readonly from: number; readonly envelope: Envelope }> {
  cluster.start();
  runKeygen(cluster);
  cluster.adoptKey();
  const paid = payment(cluster);
  propose(cluster, paid);
  approve(cluster, paid, { by: [1, 2, 4] });
  sign(cluster, paid);
  abandon(cluster, 3, paid);
  cluster.pump();
  const found = new Map<Kind, { from: number; envelope: Envelope }>();
  for (const { from, wire } of cluster.sent) {
    const envelope = cluster.reader.open(wire);
    if (!found.has(envelope.header.kind)) found.set(envelope.header.kind, { from, envelope });
  }
  return found;
}
