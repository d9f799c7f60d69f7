/** Who our peers are, and which certificate each of them may show. */
import type { X509Certificate } from "node:crypto";
import { equalBytes } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { parseAddress, type Address } from "./address.ts";
import { spkiOf } from "./certs/x509.ts";
import { Refused } from "./refusal.ts";

/** A peer as the signed roster and the configuration describe it. */
export interface QuicPeer {
  /** Its name in the roster, which stands in its certificate. */
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** Its TLS key, pinned: SubjectPublicKeyInfo, DER. */
  readonly tlsKey: Uint8Array;
}

export interface RegisteredPeer {
  readonly id: NodeId;
  readonly name: string;
  readonly address: Address;
  readonly tlsKey: Uint8Array;
}

/**
 * The authority's signature lets somebody in; which peer he is, his pinned key says, and the name has to fit. So an authority
 * that signs anything at all still makes nobody another node.
 */
export class PeerRegistry {
  readonly #self: string;
  readonly #peers: ReadonlyMap<NodeId, RegisteredPeer>;

  /** `self` is our own name. Throws `RangeError` for an address that is none, and for names or keys that are not distinct. */
  constructor(self: string, peers: ReadonlyMap<NodeId, QuicPeer>) {
    this.#self = self;
    this.#peers = new Map([...peers].map(([id, peer]) => [id, { ...peer, id, address: parseAddress(peer.address) }]));
    const all = [...peers.values()];
    if (new Set([self, ...all.map(({ name }) => name)]).size !== all.length + 1)
      throw new RangeError("two nodes share a name");
    if (new Set(all.map(({ tlsKey }) => Buffer.from(tlsKey).toString("hex"))).size !== all.length)
      throw new RangeError("two nodes share a TLS key: each makes its own");
  }

  get ids(): readonly NodeId[] {
    return [...this.#peers.keys()];
  }

  /** Throws `RangeError` for a stranger. */
  of(id: NodeId): RegisteredPeer {
    const peer = this.#peers.get(id);
    if (peer === undefined) throw new RangeError("no such peer on this network");
    return peer;
  }

  /** Whose certificate this is. Throws `Refused` unless one of our peers' key is in it, its name, and today's date. */
  identify(certificate: X509Certificate, nowMs: number): RegisteredPeer {
    const key = spkiOf(certificate.publicKey);
    const names = namesIn(certificate);
    const peer = [...this.#peers.values()].find(({ tlsKey }) => equalBytes(tlsKey, key));
    if (peer !== undefined) {
      this.check(peer, certificate, nowMs);
      return peer;
    }
    const namesake = [...this.#peers.values()].find(({ name }) => names.includes(name));
    throw namesake === undefined
      ? new Refused("not-a-peer", `its certificate is for ${quote(names)}, and "${this.#self}" has no such peer`)
      : this.#wrongKey(namesake);
  }

  /** Throws `Refused` unless this certificate is this peer's, today. */
  check(peer: RegisteredPeer, certificate: X509Certificate, nowMs: number): void {
    const names = namesIn(certificate);
    if (!names.includes(peer.name))
      throw new Refused(
        "not-a-peer",
        `its certificate is for ${quote(names)}, and "${this.#self}" expects "${peer.name}"`,
      );
    if (!equalBytes(peer.tlsKey, spkiOf(certificate.publicKey))) throw this.#wrongKey(peer);
    // The TLS stack judges dates in full handshakes only, and resumes sessions that began when the certificate was good.
    const { validFromDate, validToDate } = certificate;
    if (nowMs < validFromDate.getTime() || nowMs > validToDate.getTime())
      throw new Refused("wrong-date", `its certificate, for "${peer.name}", is not valid at this time`);
  }

  #wrongKey({ name }: RegisteredPeer): Refused {
    const text = `its certificate is for "${name}", and its key is not the one that the roster of "${this.#self}" pins for "${name}"`;
    return new Refused("wrong-key", text);
  }
}

/** DNS names of a certificate. Quoted forms, which hold what no node's name holds, fit nobody. */
const namesIn = (certificate: X509Certificate): readonly string[] =>
  (certificate.subjectAltName ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:"))
    .map((entry) => entry.slice("DNS:".length));

/** Names of strangers go to the log in plain letters, and not many of them. */
const quote = (names: readonly string[]): string =>
  names.length === 0
    ? "nobody"
    : names
        .slice(0, 4)
        .map((name) => JSON.stringify(name.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 64)))
        .join(", ");
