/**
 * This node's key shares and the certificates that make them usable. A share is stored before its certificate is signed, and
 * used only when every member of the committee has signed the same certificate: then everyone holds a share of one key.
 */
import { bool, codec, fixedBytes, fromHex, record, toHex, uint, type Codec } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Engine, Group } from "@conclave/crypto";
import {
  keyId,
  keyRecordCodec,
  keyShareCodec,
  partyOf,
  validateShare,
  type KeyRecord,
  type KeyShare,
  type Scheme,
  type Valid,
} from "@conclave/keys";
import type { LockRecord } from "./locks/index.ts";
import type { Vault } from "./ports.ts";

/** What a certificate envelope says: its signer holds a share of `key` from the ceremony with hash `transcript`. */
export interface Certificate {
  readonly key: Uint8Array;
  readonly epoch: number;
  readonly transcript: Uint8Array;
  /** The signer still lacks certificates of others and asks for them. */
  readonly collecting: boolean;
  /** Its journal position: a question after a restart is another than before it, and is answered again. */
  readonly asked: number;
}

export const certificateCodec: Codec<Certificate> = codec(
  record({ key: fixedBytes(32), epoch: uint(), transcript: fixedBytes(32), collecting: bool, asked: uint() }),
);

/** Certificates of ceremonies that this node has not finished, kept per signer: one run at a time, with room for retries. */
const MAX_EARLY_PER_SIGNER = 8;

interface HeldKey {
  readonly id: Uint8Array;
  readonly share: Valid<KeyShare>;
  readonly signers: Set<NodeId>;
  /** Whose ceremony made it; null after a restart. */
  readonly source: KeySource | null;
  active: boolean;
}

/** The request that a key was made for, and the node that took it in. */
export interface KeySource {
  readonly request: Uint8Array;
  readonly origin: NodeId;
}

type CertificateState = "pending" | "signed" | "active";

export class KeyRing {
  readonly #group: Group;
  readonly #vault: Vault;
  /** By certificate hash, hexadecimal. */
  readonly #keys = new Map<string, HeldKey>();
  readonly #early = new Map<NodeId, Set<string>>();

  constructor({ engine, vault }: { engine: Engine; vault: Vault }) {
    this.#group = engine.secp256k1;
    this.#vault = vault;
  }

  /** Read every stored share. Throws `VaultError` or `CodecError` if one is damaged: a node does not start half-blind. */
  load(stateOf: (key: Uint8Array, transcript: Uint8Array) => CertificateState | null): void {
    for (const name of this.#vault.list("share/")) {
      const secret = this.#vault.get(name);
      const share = validateShare(this.#group, keyShareCodec(this.#group).decode(secret));
      secret.fill(0);
      const { certificate } = share.record;
      const id = keyId(this.#group, share.record);
      const active = stateOf(id, certificate) === "active";
      this.#keys.set(toHex(certificate), { id, share, signers: new Set(), source: null, active });
    }
  }

  /** Store the share of a finished ceremony, after what it needs beside it. Returns the journal record that must be durable before the certificate leaves. */
  add(
    share: KeyShare,
    source: KeySource,
    storeEdges: (key: Uint8Array, share: Valid<KeyShare>) => void,
  ): { readonly key: Uint8Array; readonly record: LockRecord } {
    const valid = validateShare(this.#group, share);
    const { certificate, epoch } = valid.record;
    const id = keyId(this.#group, valid.record);
    storeEdges(id, valid);
    this.#vault.put(
      `share/${toHex(id).slice(0, 32)}/${toHex(certificate).slice(0, 32)}`,
      keyShareCodec(this.#group).encode(valid),
    );
    const signers = new Set([...this.#early].filter(([, seen]) => seen.has(toHex(certificate))).map(([node]) => node));
    this.#keys.set(toHex(certificate), { id, share: valid, signers, source, active: false });
    return { key: id, record: { kind: "certificate", key: id, epoch, transcript: certificate, state: "signed" } };
  }

  /** Count a member's certificate. The record to append if it was the last one, or null. */
  certify(signer: NodeId, { key, epoch, transcript }: Certificate): LockRecord | null {
    const held = this.#keys.get(toHex(transcript));
    if (held === undefined) {
      const seen = this.#early.get(signer) ?? new Set<string>();
      if (seen.size < MAX_EARLY_PER_SIGNER) this.#early.set(signer, seen.add(toHex(transcript)));
      return null;
    }
    if (toHex(held.id) !== toHex(key) || held.active) return null;
    if (partyOf(held.share.record, fromHex(signer)) === undefined) return null;
    held.signers.add(signer);
    if (held.signers.size < held.share.record.parties.length) return null;
    return { kind: "certificate", key, epoch, transcript, state: "active" };
  }

  /** The record that `certify` returned is durable. */
  activate(transcript: Uint8Array): { readonly request: Uint8Array | null } {
    const held = this.#keys.get(toHex(transcript))!;
    held.active = true;
    return { request: held.source?.request ?? null };
  }

  /** Keys that one node asked for and that are not active, as far as this process saw it. */
  unfinishedOf(origin: NodeId): number {
    return [...this.#keys.values()].filter(({ active, source }) => !active && source?.origin === origin).length;
  }

  /** Keys that wait for certificates of others. */
  pending(): readonly {
    readonly id: Uint8Array;
    readonly share: Valid<KeyShare>;
    readonly missing: readonly NodeId[];
  }[] {
    return [...this.#keys.values()]
      .filter(({ active }) => !active)
      .map(({ id, share, signers }) => {
        const members = share.record.parties.map(({ node }) => toHex(node) as NodeId);
        return { id, share, missing: members.filter((node) => !signers.has(node)) };
      });
  }

  /** Every share held, active or not. */
  all(): readonly { readonly id: Uint8Array; readonly share: Valid<KeyShare>; readonly active: boolean }[] {
    return [...this.#keys.values()];
  }

  /** Whether a key of this purpose and scheme is active, and the certificates of those that are not, in the order they are held. */
  ofPurpose(purpose: string, scheme: Scheme): { readonly active: boolean; readonly unfinished: readonly Uint8Array[] } {
    const held = [...this.#keys.values()].filter(
      ({ share }) => share.record.purpose === purpose && share.record.scheme === scheme,
    );
    const unfinished = held.filter(({ active }) => !active).map(({ share }) => share.record.certificate);
    return { active: unfinished.length < held.length, unfinished };
  }

  /** The share of an active key, for signing; undefined if there is none. */
  active(key: Uint8Array): Valid<KeyShare> | undefined {
    const held = [...this.#keys.values()].find(({ id, active }) => active && toHex(id) === toHex(key));
    return held?.share;
  }

  /** Whether this node finished and signed the ceremony with this hash. */
  holds(
    transcript: Uint8Array,
  ): { readonly id: Uint8Array; readonly record: Valid<KeyRecord>; readonly active: boolean } | undefined {
    const held = this.#keys.get(toHex(transcript));
    return held && { id: held.id, record: held.share.record as Valid<KeyRecord>, active: held.active };
  }

  /** Public records of active keys, encoded. */
  records(): readonly { readonly key: Uint8Array; readonly record: Uint8Array }[] {
    return [...this.#keys.values()]
      .filter(({ active }) => active)
      .map(({ id, share }) => ({ key: id, record: keyRecordCodec(this.#group).encode(share.record) }));
  }
}
