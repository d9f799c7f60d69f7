/** `conclave audit verify FILE`: whether an exported audit log is whole, and what it proves, without any node. */
import { createReadStream } from "node:fs";
import { CodecError } from "@conclave/bytes";
import { verifyCheckpoint, type Roster, type SignedCheckpoint } from "@conclave/consensus";
import { MAX_EXPORT_LINE, verifyExport, type ExportVerdict } from "@conclave/node";
import { engine } from "../engine.ts";

const NEWLINE = 0x0a;
/** A character of UTF-8 has at most so many bytes. */
const MAX_LINE_BYTES = 4 * MAX_EXPORT_LINE;

export interface VerifyOptions {
  /** The nodes as the reader knows them: of the cluster's charter. */
  readonly roster?: Roster;
  /** Checkpoints that other nodes handed over. */
  readonly known?: readonly SignedCheckpoint[];
}

/** Reads the file once, a line at a time. Never throws for what the file says; throws what the file system throws. */
export function verifyAuditFile(file: string, options: VerifyOptions = {}): Promise<ExportVerdict> {
  return verifyExport(linesOf(createReadStream(file)), {
    ...options,
    verify: (roster, signed) => verifyCheckpoint(engine, roster, signed),
  });
}

/** Lines of UTF-8, without their ends. Throws `CodecError` on other bytes, on a last line without an end, and on lines without one. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const textOf = (bytes: Uint8Array): string => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new CodecError("the line is not UTF-8");
    }
  };
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      yield textOf(Buffer.concat([...parts, chunk.subarray(from, at)]));
      parts = [];
      size = 0;
      from = at + 1;
    }
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > MAX_LINE_BYTES) throw new CodecError("the line is too long for an export");
  }
  if (size > 0) throw new CodecError("the file was cut: its last line has no end");
}

/** A verdict as people read it, one sentence on each line. */
export function describeVerdict(verdict: ExportVerdict): readonly string[] {
  if (!verdict.intact) return [`NOT INTACT: line ${verdict.line}: ${verdict.reason}`];
  const { node, roster, rosterHash, head, confirmed, proven } = verdict;
  const nameOf = (id: string): string => roster.nodes.find((entry) => entry.id === id)?.name ?? id;
  const others = roster.nodes.length - 1;
  const positions = [...new Set(confirmed.map(({ position }) => position))];
  return [
    `Intact: ${head.position} entries of ${nameOf(node)} in cluster ${roster.cluster} (roster ${rosterHash}).`,
    ...positions.map((position) => {
      const there = confirmed.filter((confirmation) => confirmation.position === position);
      const names = there.map(({ signer }) => nameOf(signer)).toSorted((a, b) => (a < b ? -1 : 1));
      const atMs = Math.max(...there.map((confirmation) => confirmation.atMs));
      const enough = confirmed.filter((confirmation) => confirmation.position >= position).length;
      return `Up to entry ${position}: confirmed by ${enough} of ${others} other nodes, lastly ${names.join(", ")}, at ${new Date(atMs).toISOString()}.`;
    }),
    proven === 0
      ? "No entry is proven: too few other nodes confirmed any. Whoever wrote the file could have written another one."
      : `Proven up to entry ${proven}: at least one honest node confirmed it. ${head.position - proven} entries after it stand on the node's own word.`,
  ];
}
