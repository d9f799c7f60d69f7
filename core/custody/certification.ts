/** How a finished ceremony becomes a key that is used: stored, promised, certified, and active once every member certified it. */
import { equalBytes } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { KeyRecord } from "@conclave/keys";
import type { KnownRequest } from "./docket.ts";
import type { EdgeRing } from "./edges.ts";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import { certificateCodec, type KeyRing } from "./keyring.ts";
import type { SafetyLog } from "./safety-log.ts";
import type { MadeKey } from "./scheme.ts";

export interface CertificationParts {
  readonly identity: Identity;
  readonly keys: KeyRing;
  readonly edges: EdgeRing;
  readonly log: SafetyLog;
  readonly others: () => readonly NodeId[];
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
  readonly emit: Emit;
  /** A key became active: what waited for one may go on. */
  readonly onActive: () => void;
}

export class Certification {
  readonly #parts: CertificationParts;

  constructor(parts: CertificationParts) {
    this.#parts = parts;
  }

  /** Edges and share are on disk, then the promise, and only then does the certificate leave. */
  addKey({ share, edges }: MadeKey, { id: request, request: { origin } }: KnownRequest): void {
    const { keys, log, emit } = this.#parts;
    const { record, key } = keys.add(share, { request, origin }, (id, valid) =>
      this.#parts.edges.store(id, valid, edges),
    );
    log.commit([record]);
    const pending = keys.pending().find(({ share: held }) => held.record.certificate === share.record.certificate);
    emit({ kind: "keyPending", key, request, missing: pending?.missing ?? [] });
    this.#certify(share.record, true);
  }

  /** After a start: certify again what waits for others. */
  resume(): void {
    for (const { share } of this.#parts.keys.pending()) this.#certify(share.record, true);
  }

  /** Ask everybody again for the certificate of an unfinished key. */
  collect(certificate: Uint8Array): void {
    const held = this.#parts.keys.holds(certificate);
    if (held?.active === false) this.#certify(held.record, true);
  }

  /** A member certified a key. */
  hear(sender: NodeId, body: Uint8Array): void {
    const { transcript, collecting } = certificateCodec.decode(body);
    this.#count(sender, body);
    const held = this.#parts.keys.holds(transcript);
    // Who still collects may have lost ours: give it again, once per question.
    if (collecting && held !== undefined) this.#certify(held.record, false, [sender]);
  }

  #certify(record: KeyRecord, collecting: boolean, to: readonly NodeId[] = this.#parts.others()): void {
    const { keys, log, seal, emit, identity } = this.#parts;
    const held = keys.holds(record.certificate)!;
    const { epoch, certificate: transcript } = record;
    const asked = log.generation;
    const body = certificateCodec.encode({ key: held.id, epoch, transcript, collecting, asked });
    const { wire } = seal({ kind: "certificate", key: held.id, epoch }, body);
    emit({ kind: "send", to, wire, topic: "certificate", statement: true });
    if (!held.active) this.#count(identity.id, body);
  }

  #count(sender: NodeId, body: Uint8Array): void {
    const { keys, log, emit, onActive } = this.#parts;
    const certificate = certificateCodec.decode(body);
    const record = keys.certify(sender, certificate);
    if (record === null) return;
    log.commit([record]);
    const { request } = keys.activate(certificate.transcript);
    const { record: encoded } = keys.records().find(({ key }) => equalBytes(key, certificate.key))!;
    emit({ kind: "keyActive", key: certificate.key, record: encoded, request });
    onActive();
  }
}
