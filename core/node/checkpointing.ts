/**
 * Checkpoints of audit logs: this node proposes those of its own when they are due, confirms those of others that go on from what
 * it confirmed before, and keeps both. A log that went back or was rewritten is not confirmed, and operators hear of it.
 */
import { toHex } from "@conclave/bytes";
import { auditCheckpointCodec, signedCheckpointCodec, type SignedCheckpoint } from "@conclave/consensus";
import type { CustodyEvent } from "@conclave/custody";
import type { Context } from "./context.ts";
import { checkpointAt, checkpointDue, checkpointRow, judgeCheckpoint } from "./store/audit-checkpoints.ts";

/** Looked at less often than everything else: it is about what auditors read later. */
const LOOK_MS = 10_000;
/** Of what is not confirmed, the same node's is told once in so long. */
const TOLD_MS = 3_600_000;

const WORDS = {
  back: "its log has fewer entries than this node confirmed before: it was cut, or an older copy was put back",
  forked: "its log has other entries than this node confirmed before: it was rewritten",
} as const;

export class Checkpointing {
  readonly #context: Context;
  #nextLookMs = 0;
  readonly #told = new Map<string, number>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Propose a checkpoint of this node's own log if one is due. */
  async sweep(): Promise<void> {
    const { clock, store, self, roster, custody, act } = this.#context;
    const nowMs = clock.nowMs();
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_MS;
    const [head, last] = await Promise.all([store.audit.head(), store.audit.lastCheckpoint(self, self)]);
    if (!checkpointDue(head, last ?? null, nowMs)) return;
    // What others confirm must not be what a power cut takes: they would say that the log was cut.
    await store.durable();
    const checkpoint = checkpointAt(head, { cluster: roster.cluster, node: self, nowMs });
    await act(await custody.checkpoint(nowMs, auditCheckpointCodec.encode(checkpoint)));
  }

  /** A checkpoint that custody signed or verified. */
  async heard({ checkpoint: encoded }: Extract<CustodyEvent, { kind: "checkpoint" }>): Promise<void> {
    const { self, store } = this.#context;
    const signed = signedCheckpointCodec.decode(encoded);
    const isProposal = signed.signer === signed.checkpoint.node && signed.signer !== self;
    if (isProposal) await this.#judge(signed);
    else await store.audit.keepCheckpoint(checkpointRow(signed));
  }

  async #judge({ checkpoint }: SignedCheckpoint): Promise<void> {
    const { clock, custody, act, roster, self, store } = this.#context;
    const { node } = checkpoint;
    const nowMs = clock.nowMs();
    const last = (await store.audit.lastCheckpoint(node, self)) ?? null;
    const verdict = judgeCheckpoint(checkpoint, { roster, self, last, nowMs });
    if (verdict === "confirm") return act(await custody.checkpoint(nowMs, auditCheckpointCodec.encode(checkpoint)));
    if (verdict === "back" || verdict === "forked") await this.#tell(checkpoint, verdict, nowMs);
  }

  async #tell(
    { node, position, hash }: SignedCheckpoint["checkpoint"],
    verdict: keyof typeof WORDS,
    nowMs: number,
  ): Promise<void> {
    const { roster, audit, notify } = this.#context;
    if (nowMs - (this.#told.get(node) ?? -TOLD_MS) < TOLD_MS) return;
    this.#told.set(node, nowMs);
    const name = roster.nodes.find(({ id }) => id === node)?.name ?? node.slice(0, 8);
    await audit("checkpoint.refused", node, { verdict, position, hash: toHex(hash) });
    notify({ kind: "problem", message: `the audit log of ${name} is not confirmed: ${WORDS[verdict]}` });
  }
}
