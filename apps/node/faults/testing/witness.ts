/** Everything that the nodes said, kept so that a suite can judge it in the end. */
import type { NodeId } from "@conclave/consensus";
import type { Notice } from "@conclave/node";

interface LinkDown {
  readonly at: number;
  readonly peer: NodeId;
  readonly atMs: number;
}

/** Told in failures; older ones are forgotten. */
const LINES = 400;

export class Witness {
  readonly lines: string[] = [];
  readonly linksDown: LinkDown[] = [];
  readonly bans: { readonly node: NodeId; readonly words: string }[] = [];
  readonly problems: string[] = [];
  /** Transactions that nodes completed for a request. More than one would be money paid twice. */
  readonly signed = new Map<string, Set<string>>();

  heard(node: number, notice: Notice): void {
    const words = wordsOf(notice);
    if (words !== null) this.#keep(`${(performance.now() / 1_000).toFixed(2)} node${node + 1} ${words}`);
    if (notice.kind === "link" && !notice.up)
      this.linksDown.push({ at: node, peer: notice.node, atMs: performance.now() });
    if (notice.kind === "violation")
      this.bans.push({
        node: notice.node,
        words: `node${node + 1}: ${notice.violation} of ${notice.node.slice(0, 8)}`,
      });
    if (notice.kind === "problem") this.problems.push(`node${node + 1}: ${notice.message}`);
    if (notice.kind !== "signed") return;
    const request = Buffer.from(notice.request).toString("hex");
    this.signed.set(request, (this.signed.get(request) ?? new Set()).add(notice.txid));
  }

  #keep(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES) this.lines.shift();
  }
}

/** Null for what is said so often that nothing else would be left. */
function wordsOf(notice: Notice): string | null {
  switch (notice.kind) {
    case "state":
      return `state ${notice.request.slice(0, 8)} ${notice.state} ${notice.reason ?? ""}`;
    case "link":
      return `link to ${notice.node.slice(0, 8)} ${notice.up ? "up" : "down"}`;
    case "aborted":
      return `aborted ${notice.reason}`;
    case "problem":
      return `problem ${notice.message}`;
    case "objected":
      return `objected ${JSON.stringify(notice.objections)}`;
    case "sealed":
      return `sealed ${notice.reason}`;
    case "dropped":
    case "progress":
      return null;
    default:
      return notice.kind;
  }
}
