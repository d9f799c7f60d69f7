/**
 * Signed promises never to sign a revision (L6). One frees its node to vote for another revision of the same request;
 * n − t + 1 + f of them prove to everybody that the revision is dead, and free its coins. Proofs have to travel: a node tells
 * peers not only its own promises but every one that it holds.
 */
import { codec, fixedBytes, record, toHex, transcript, uint, type Codec } from "@conclave/bytes";
import { toleratedFaults, type NodeId } from "@conclave/consensus";
import type { KeyShare, Valid } from "@conclave/keys";
import { nameOf, topicOf, type KnownMotion, type KnownRevision } from "./docket.ts";
import type { Envelope, HeaderFields } from "./envelope.ts";
import type { Emit } from "./events.ts";
import type { Identity } from "./identity.ts";
import { abandonsNeeded, decideAbandon, intentOf, type ReleaseEvidence } from "./locks/index.ts";
import type { SafetyLog } from "./safety-log.ts";

interface Abandon {
  readonly request: Uint8Array;
  readonly revision: number;
  readonly digest: Uint8Array;
}

export const abandonCodec: Codec<Abandon> = codec(
  record({ request: fixedBytes(32), revision: uint({ min: 1, max: 1_000 }), digest: fixedBytes(32) }),
);

/** Promises of one member about one request: as many as a node knows revisions of it. More are made up. */
const MAX_PROMISES = 64;

/** A revision and the signed promises never to sign it. */
type Abandoned = Abandon & { readonly promises: Map<NodeId, Uint8Array> };

export interface AbandonParts {
  readonly identity: Identity;
  readonly log: SafetyLog;
  readonly emit: Emit;
  readonly motion: (id: Uint8Array) => KnownMotion | undefined;
  readonly keyOf: (wallet: Uint8Array) => Valid<KeyShare> | undefined;
  readonly peersOf: (entry: KnownMotion) => readonly NodeId[];
  readonly seal: (fields: HeaderFields, body: Uint8Array) => Envelope;
  readonly release: (evidence: ReleaseEvidence) => void;
}

export class Abandons {
  readonly #parts: AbandonParts;
  /** By request, for as long as the docket keeps it, then `number:digest`. */
  readonly #known = new WeakMap<KnownMotion, Map<string, Abandoned>>();

  constructor(parts: AbandonParts) {
    this.#parts = parts;
  }

  /** Promise never to sign a revision, if no partial signature for it left this node. */
  promise(id: Uint8Array, number: number): void {
    const { log, emit, peersOf, motion, identity } = this.#parts;
    const entry = motion(id);
    const known = entry?.revisions.get(number);
    if (entry === undefined || known === undefined) return;
    const decision = decideAbandon(log.state, nameOf(entry, known));
    if (!decision.ok) {
      const objection = { code: decision.code, message: decision.reason };
      return emit({ kind: "objected", request: id, revision: number, objections: [objection] });
    }
    log.commit(decision.records);
    const envelope = this.#sealed(entry, known);
    emit({ kind: "send", to: peersOf(entry), wire: envelope.wire, topic: topicOf(id), statement: true });
    this.add(identity.id, envelope);
  }

  /** An own promise outlives the process in the journal: after a restart, say it again to whoever asks, and count it. */
  recall(entry: KnownMotion, known: KnownRevision): void {
    const promised = intentOf(this.#parts.log.state, nameOf(entry, known))?.abandoned;
    if (promised?.has(`${known.revision.number}:${toHex(known.digest)}`)) {
      this.add(this.#parts.identity.id, this.#sealed(entry, known));
    }
  }

  /** A member promised. With enough promises the revision is dead for everybody. */
  add(node: NodeId, { body, wire }: Envelope): void {
    const abandon = abandonCodec.decode(body);
    const entry = this.#parts.motion(abandon.request);
    const record = entry && this.#parts.keyOf(entry.request.wallet)?.record;
    if (entry === undefined || record === undefined) return;
    if (!record.parties.some((party) => toHex(party.node) === node)) return;
    const byRevision = this.#of(entry);
    const name = `${abandon.revision}:${toHex(abandon.digest)}`;
    const known: Abandoned = byRevision.get(name) ?? { ...abandon, promises: new Map() };
    const given = [...byRevision.values()].filter(({ promises }) => promises.has(node)).length;
    if (known.promises.has(node) || given >= MAX_PROMISES) return;
    byRevision.set(name, known);
    known.promises.set(node, wire);
    const n = record.parties.length;
    const committee = { n, t: record.threshold, f: toleratedFaults(n) };
    const dead = known.promises.size >= abandonsNeeded(committee);
    this.#parts.emit({ kind: "abandoned", request: entry.id, revision: abandon.revision, node, wire, dead });
    // Once: every further promise about a dead revision proves nothing new.
    if (known.promises.size === abandonsNeeded(committee)) this.#release(entry, committee);
  }

  /** Tell a peer every promise about a request that this node holds. */
  republish(entry: KnownMotion, to: NodeId): void {
    const topic = topicOf(entry.id);
    for (const { promises } of this.#known.get(entry)?.values() ?? []) {
      for (const [node, wire] of promises) {
        if (node !== to) this.#parts.emit({ kind: "send", to: [to], wire, topic, statement: true });
      }
    }
  }

  #of(entry: KnownMotion): Map<string, Abandoned> {
    const known = this.#known.get(entry) ?? new Map<string, Abandoned>();
    this.#known.set(entry, known);
    return known;
  }

  #sealed({ id }: KnownMotion, { revision: { number }, digest }: KnownRevision): Envelope {
    const body = abandonCodec.encode({ request: id, revision: number, digest });
    return this.#parts.seal({ kind: "abandon", request: id, round: String(number) }, body);
  }

  #release(entry: KnownMotion, committee: { readonly n: number; readonly t: number; readonly f: number }): void {
    const enough = [...this.#of(entry).values()].filter(({ promises }) => promises.size >= abandonsNeeded(committee));
    const abandons = enough.map(({ revision, digest, promises }) => ({
      revision,
      digest,
      nodes: [...promises.keys()],
    }));
    const proof = transcript("custody/abandons", {
      abandons: abandons.map(({ digest, nodes }) => [digest, [...nodes]]),
    });
    const { wallet } = entry.request;
    this.#parts.release({ wallet, intent: entry.id, reason: "abandoned-by-quorum", committee, abandons, proof });
  }
}
