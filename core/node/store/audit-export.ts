/**
 * The audit log as a file that anybody can check: one JSON object on each line, written in one way only. A header says whose log
 * it is and who the nodes are; the entries follow in order, each with the checkpoints that others signed at its position right
 * behind it; the last line seals everything before it.
 */
import { assert, CodecError, fromHex, isHex, toHex, transcript } from "@conclave/bytes";
import { parseNodeId, rosterCodec, type NodeId, type Roster } from "@conclave/consensus";
import type { StoredCheckpoint } from "./audit-checkpoints.ts";
import type { Audit, AuditEntry, AuditRow } from "./audit.ts";
import { MAX_PAGE } from "./pages.ts";

const FORMAT = "conclave/audit-export/v1";

/** Entries are short; whoever reads a file keeps no more than one line of it. Characters. */
export const MAX_EXPORT_LINE = 1 << 20;

/** Whose log it is, among which nodes. */
export interface ExportHeader {
  readonly node: NodeId;
  readonly roster: Roster;
}

/** What the last line says of everything before it. */
export interface ExportSeal {
  readonly entries: number;
  readonly checkpoints: number;
  /** Hash over every line before, 64 hexadecimal digits. */
  readonly digest: string;
}

export type ExportLine =
  | { readonly kind: "header"; readonly header: ExportHeader }
  | { readonly kind: "entry"; readonly row: AuditRow }
  | { readonly kind: "checkpoint"; readonly checkpoint: StoredCheckpoint }
  | { readonly kind: "seal"; readonly seal: ExportSeal };

/** A line of the file, without its end. */
export function printLine(line: ExportLine): string {
  switch (line.kind) {
    case "header": {
      const { node, roster } = line.header;
      return JSON.stringify({
        format: FORMAT,
        cluster: roster.cluster,
        node,
        roster: toHex(rosterCodec.encode(roster)),
      });
    }
    case "entry": {
      const { position, atMs, actor, action, subject, detail, previous, hash } = line.row;
      return JSON.stringify({ position, atMs, actor, action, subject, detail, previous, hash });
    }
    case "checkpoint": {
      const { position, hash, atMs, signer, signature } = line.checkpoint;
      return JSON.stringify({ position, hash, atMs, signer, signature: toHex(signature) });
    }
    case "seal": {
      const { entries, checkpoints, digest } = line.seal;
      return JSON.stringify({ entries, checkpoints, digest });
    }
  }
}

/** The line's meaning; `node` is whose log it is, once known. Throws `CodecError` on any text that `printLine` would not write. */
export function parseLine(text: string, node: NodeId | null): ExportLine {
  const line = lineOf(fieldsOf(text), node);
  if (printLine(line) !== text) throw new CodecError("not written as an export writes it");
  return line;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CodecError("not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new CodecError("not a line of an export");
  return value as Fields;
}

function lineOf(fields: Fields, node: NodeId | null): ExportLine {
  if (fields["format"] !== undefined) return { kind: "header", header: headerOf(fields) };
  if (fields["digest"] !== undefined) {
    const seal = {
      entries: count(fields, "entries"),
      checkpoints: count(fields, "checkpoints"),
      digest: id(fields, "digest"),
    };
    return { kind: "seal", seal };
  }
  if (node === null) throw new CodecError("the header is missing");
  const place = { position: count(fields, "position"), hash: id(fields, "hash"), atMs: count(fields, "atMs") };
  if (fields["signer"] !== undefined) {
    const signature = string(fields, "signature");
    if (!isHex(signature, 64)) throw new CodecError("signature is not 64 bytes in hexadecimal");
    const signer = parseNodeId(string(fields, "signer"));
    return { kind: "checkpoint", checkpoint: { ...place, node, signer, signature: fromHex(signature) } };
  }
  const [actor, action] = [string(fields, "actor"), string(fields, "action")];
  const [subject, detail] = [string(fields, "subject"), string(fields, "detail")];
  return { kind: "entry", row: { ...place, actor, action, subject, detail, previous: id(fields, "previous") } };
}

function headerOf(fields: Fields): ExportHeader {
  if (fields["format"] !== FORMAT)
    throw new CodecError(`the file's format is not ${FORMAT}: use the program that wrote it`);
  const bytes = string(fields, "roster");
  if (!isHex(bytes)) throw new CodecError("roster is not in hexadecimal");
  return { node: parseNodeId(string(fields, "node")), roster: rosterCodec.decode(fromHex(bytes)) };
}

function string(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new CodecError(`${name} is not text`);
  return value;
}

function count(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new CodecError(`${name} is not a whole number`);
  return value;
}

function id(fields: Fields, name: string): string {
  const value = string(fields, name);
  if (!isHex(value, 32) || value !== value.toLowerCase()) throw new CodecError(`${name} is not 64 hexadecimal digits`);
  return value;
}

/** Before the first line. */
export const EMPTY_DIGEST = "0".repeat(64);

/** The hash over all lines up to this one. */
export const digestAfter = (digest: string, line: string): string =>
  toHex(transcript("node/audit-export", { previous: fromHex(digest), line }));

/**
 * Every line of an export, in order, without their ends. Of the log as it is when this begins; what is written meanwhile is
 * not in it. Reads page by page. Throws `StoreUnavailable`.
 */
export async function* exportLines(header: ExportHeader, audit: Audit): AsyncGenerator<string> {
  const { position: last } = await audit.head();
  const checkpoints = checkpointsOf(audit, header.node);
  let waiting = await checkpoints.next();
  let seal: ExportSeal = { entries: 0, checkpoints: 0, digest: EMPTY_DIGEST };
  const print = (line: ExportLine): string => {
    const text = printLine(line);
    const { entries, checkpoints: confirmed, digest } = seal;
    seal = {
      entries: entries + (line.kind === "entry" ? 1 : 0),
      checkpoints: confirmed + (line.kind === "checkpoint" ? 1 : 0),
      digest: digestAfter(digest, text),
    };
    return text;
  };
  yield print({ kind: "header", header });
  for await (const row of rowsOf(audit, last)) {
    yield print({ kind: "entry", row });
    for (; waiting.done !== true && waiting.value.position <= row.position; waiting = await checkpoints.next())
      yield print({ kind: "checkpoint", checkpoint: waiting.value });
  }
  // Checkpoints beyond the end are no entries' any more. They stay, and show that the log was cut.
  for (; waiting.done !== true; waiting = await checkpoints.next())
    if (waiting.value.position > last && (await audit.head()).position < waiting.value.position)
      yield print({ kind: "checkpoint", checkpoint: waiting.value });
  yield printLine({ kind: "seal", seal });
}

async function* rowsOf(audit: Audit, last: number): AsyncGenerator<AuditRow> {
  for (let from = 1; from <= last;) {
    const page = await audit.list({ from, limit: MAX_PAGE });
    for (const entry of page) if (entry.position <= last) yield rowOf(entry);
    if (page.length === 0) return;
    from = page.at(-1)!.position + 1;
  }
}

/** The detail as the text that was hashed: it was printed by the same rules. */
const rowOf = ({ detail, ...rest }: AuditEntry): AuditRow => ({ ...rest, detail: JSON.stringify(detail) });

/** What others signed of this log, in order of position, then signer. */
async function* checkpointsOf(audit: Audit, node: NodeId): AsyncGenerator<StoredCheckpoint> {
  let from = 1;
  for (;;) {
    const page = await audit.checkpoints({ node, from, limit: MAX_PAGE });
    const full = page.length === MAX_PAGE;
    const next = full ? page.at(-1)!.position : Number.POSITIVE_INFINITY;
    assert(next > from || !full, "signers at one position are fewer than a page has rows");
    for (const row of page) if (row.position < next && row.signer !== node) yield row;
    if (!full) return;
    from = next;
  }
}
