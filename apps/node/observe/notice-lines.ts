/** What a node says, as lines of its log. A line about a request carries the request's trace. */
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Notice } from "@conclave/node";
import { Recent } from "./recent.ts";
import { traceOf } from "./trace-context.ts";

export type Level = "trace" | "debug" | "info" | "warn" | "error";

export interface LogLine {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * What operators want to see of a healthy node is `info`: states, which a payment has half a dozen of, say enough of each; what
 * they are woken for is `error`. Links are the network's to tell.
 */
const LEVELS: Readonly<Partial<Record<Notice["kind"], Level>>> = {
  progress: "trace",
  objected: "info",
  aborted: "warn",
  state: "info",
  message: "info",
  keyActive: "info",
  edgeDead: "warn",
  edgeMade: "info",
  presigned: "info",
  released: "info",
  abandoned: "info",
  violation: "error",
  alert: "error",
  wallet: "error",
  dissent: "warn",
  waits: "info",
  decided: "info",
  reuseRefused: "error",
  sealed: "error",
  ready: "info",
  problem: "error",
};

export class NoticeLines {
  readonly #nameOf: (node: NodeId) => string;
  readonly #requests = new Recent<string>();

  constructor(nameOf: (node: NodeId) => string) {
    this.#nameOf = nameOf;
  }

  /** The line of a notice. Its bytes stay out: requests, keys and nodes go by name. */
  lineOf(notice: Notice): LogLine {
    const request = this.#requestOf(notice);
    return {
      level: LEVELS[notice.kind] ?? "debug",
      message: worded(notice),
      fields: {
        event: notice.kind,
        ...(request === null ? {} : { request, trace: traceOf(request) }),
        ...this.#fieldsOf(notice),
      },
    };
  }

  #requestOf(notice: Notice): string | null {
    if (notice.kind === "joined") this.#requests.set(notice.attemptId, toHex(notice.request));
    if ("request" in notice && notice.request !== null)
      return typeof notice.request === "string" ? notice.request : toHex(notice.request);
    return "attemptId" in notice ? (this.#requests.get(notice.attemptId) ?? null) : null;
  }

  #fieldsOf(notice: Notice): Readonly<Record<string, unknown>> {
    const names = (nodes: readonly NodeId[]): string => nodes.map(this.#nameOf).join(",");
    switch (notice.kind) {
      case "proposed":
        return { peer: this.#nameOf(notice.from), revision: notice.revision };
      case "voted":
        return {
          peer: this.#nameOf(notice.voter),
          revision: notice.revision,
          value: notice.value ? "approve" : "reject",
        };
      case "objected":
        return { revision: notice.revision, code: notice.objections.map(({ code }) => code).join(",") };
      case "verdict":
        return { revision: notice.revision, code: notice.verdict };
      case "joined":
        return { attempt: notice.attempt, phase: "handshake", peer: this.#nameOf(notice.coordinator) };
      case "begun":
        return { phase: notice.signing ? "rounds" : "watching", signers: names(notice.signers) };
      case "progress":
        return { phase: notice.round, input: notice.input };
      case "aborted": {
        const { attempt, fault, reason, culprits, suspects } = notice;
        return { attempt, code: fault, reason, culprits: names(culprits), suspects: names(suspects) };
      }
      case "signed":
        return { signers: names(notice.signers), bitcoin_txid: notice.txid };
      case "messageSigned":
        return { signers: names(notice.signers) };
      case "state":
        return { code: notice.state, reason: notice.reason, confirmations: notice.confirmations };
      case "message":
        return { code: notice.state, reason: notice.reason };
      case "keyActive":
        return { key: toHex(notice.key) };
      case "edgeDead":
        return { key: toHex(notice.key), between: names(notice.between), reason: notice.reason };
      case "abandoned":
        return { peer: this.#nameOf(notice.node), revision: notice.revision };
      case "link":
        return { peer: this.#nameOf(notice.node), code: notice.up ? "up" : "down" };
      case "violation":
        return { peer: this.#nameOf(notice.node), code: notice.violation };
      case "dropped":
        return { peer: notice.from === null ? null : this.#nameOf(notice.from), reason: notice.reason };
      case "alert":
        return { code: notice.code };
      case "wallet":
        return { account: notice.account, code: notice.frozen ? "frozen" : "free", reason: notice.reason };
      case "dissent":
        return { peer: this.#nameOf(notice.node), value: notice.value ? "approve" : "reject" };
      case "waits":
        return { peer: this.#nameOf(notice.node) };
      case "decided":
        return { code: notice.approved ? "approved" : "rejected", reason: notice.reason };
      case "reuseRefused":
        return { code: notice.purpose, id: toHex(notice.id).slice(0, 16), reason: notice.reason };
      case "sealed":
      case "released":
        return { reason: notice.reason };
      default:
        return {};
    }
  }
}

function worded(notice: Notice): string {
  switch (notice.kind) {
    case "problem":
    case "alert":
      return notice.message;
    case "reuseRefused":
      return "a one-use secret was to be used again, and was not: was this machine, or its memory, restored from a snapshot?";
    case "sealed":
      return "this node neither votes nor signs";
    case "ready":
      return "its peers confirmed its journal: this node votes and signs";
    case "violation":
      return "a violation is proven: the node is banned";
    case "aborted":
      return "an attempt ended without a result";
    default:
      return notice.kind;
  }
}
