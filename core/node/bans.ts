/**
 * What follows for people when a node is banned: a row among the violations, an entry in the audit log, an alert. The ban itself
 * is custody's, in its journal; history that was lost is written anew from there.
 */
import { toHex } from "@conclave/bytes";
import {
  evidenceCodec,
  quorumGuard,
  type Ban,
  type Guard,
  type NodeId,
  type Roster,
  type ViolationKind,
} from "@conclave/consensus";
import type { CustodyEvent } from "@conclave/custody";
import { auditRecord, type Context } from "./context.ts";
import { requestHex } from "./records.ts";

type Event<K extends CustodyEvent["kind"]> = Extract<CustodyEvent, { kind: K }>;

/** A node is banned three times at most, so that its latest rows hold all of them. */
const ROWS_LOOKED_AT = 50;

export class Bans {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Proven against a node, just now. */
  async violated({ node, violation, evidence }: Event<"violation">): Promise<void> {
    await this.#keep(node, violation, evidence);
    const { bans } = await this.#context.news.ask();
    const ban = bans.find((each) => each.node === node);
    const name = nameIn(this.#context.roster, node);
    this.#alert(
      "node-banned",
      `${name} is banned${ban === undefined ? "" : ` ${lasting(ban)}`}: ${violation}. "conclave cluster evidence" shows the proof.`,
    );
    const guard = guardOf(this.#context, bans);
    if (guard.halted) this.#alert("halted", guard.reason);
  }

  /** A node voted against what was decided, or so that a rule refutes it: kept, and no ban. */
  async dissented({ request, node, evidence }: Event<"dissent">): Promise<void> {
    const { store, clock } = this.#context;
    await store.violations.insert({
      node,
      type: "MinorityVote",
      request: requestHex(request),
      evidence,
      detectedAtMs: clock.nowMs(),
      actionTaken: "recorded",
    });
  }

  /** After a start: bans are in custody's journal; what history should say of them it says again, if it was lost. */
  async recall(): Promise<void> {
    const { store, news } = this.#context;
    const { bans } = await news.ask();
    for (const { node, evidence } of bans) {
      const rows = await store.violations.list({ limit: ROWS_LOOKED_AT, node });
      const isKept = rows.some((row) => row.evidence !== null && toHex(row.evidence) === toHex(evidence));
      if (!isKept) await this.#keep(node, evidenceCodec.decode(evidence).kind, evidence);
    }
    const guard = guardOf(this.#context, bans);
    if (guard.halted) this.#alert("halted", guard.reason);
  }

  async #keep(node: NodeId, type: ViolationKind, evidence: Uint8Array): Promise<void> {
    const { store, clock } = this.#context;
    const violation = { node, type, request: null, evidence, detectedAtMs: clock.nowMs(), actionTaken: "banned" };
    await store.transaction(async ({ violations, audit }) => {
      await violations.insert(violation);
      await audit.append(auditRecord(this.#context, "node.banned", node, { violation: type }));
    });
  }

  #alert(code: "node-banned" | "halted", message: string): void {
    this.#context.notify({ kind: "alert", code, message });
  }
}

const nameIn = (roster: Roster, node: NodeId): string => roster.nodes.find(({ id }) => id === node)?.name ?? node;

/** Whether the nodes that are not banned suffice to approve and to sign. */
export function guardOf(
  { roster, threshold, quorum, clock }: Pick<Context, "roster" | "threshold" | "quorum" | "clock">,
  bans: readonly Ban[],
): Guard {
  return quorumGuard(roster, { committee: roster.nodes.map(({ id }) => id), threshold, quorum }, bans, clock.nowMs());
}

/** How long a ban lasts, in words. */
export const lasting = ({ untilMs, strike }: Pick<Ban, "untilMs" | "strike">): string =>
  untilMs === null
    ? "for good, after its third strike"
    : `until ${new Date(untilMs).toISOString()}, strike ${strike} of 3`;
