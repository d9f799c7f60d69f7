/** What an exported audit log proves, found out from the file alone. */
import { CodecError, toHex } from "@conclave/bytes";
import {
  isCosigned,
  rosterHash,
  toleratedFaults,
  type NodeId,
  type Roster,
  type SignedCheckpoint,
} from "@conclave/consensus";
import { checkpointOf, checkpointRow, type StoredCheckpoint } from "./audit-checkpoints.ts";
import {
  digestAfter,
  EMPTY_DIGEST,
  MAX_EXPORT_LINE,
  parseLine,
  type ExportHeader,
  type ExportLine,
  type ExportSeal,
} from "./audit-export.ts";
import { AUDIT_GENESIS, auditHash, type AuditHead, type AuditRow } from "./audit.ts";

/** True if the signature is good: `verifyCheckpoint` with an engine. */
export type CheckpointVerifier = (roster: Roster, signed: SignedCheckpoint) => boolean;

/** What the file is compared with. All of it comes from elsewhere than the file. */
export interface ExportExpectations {
  readonly verify: CheckpointVerifier;
  /** Who the nodes are, as the reader knows it. Without it, a file with invented nodes convinces whoever does not look at its roster. */
  readonly roster?: Roster;
  /** Checkpoints that other nodes hold: they show what a file leaves out at its end. */
  readonly known?: readonly SignedCheckpoint[];
}

/** One node's latest confirmation. */
export interface Confirmation {
  readonly signer: NodeId;
  readonly position: number;
  readonly atMs: number;
}

export type ExportVerdict =
  | {
      readonly intact: true;
      readonly node: NodeId;
      readonly roster: Roster;
      /** What operators compare aloud if they gave no roster of their own: 64 hexadecimal digits. */
      readonly rosterHash: string;
      readonly head: AuditHead;
      /** Of each other node its latest, the highest position first: the k-th one's position is confirmed by k nodes. */
      readonly confirmed: readonly Confirmation[];
      /** Up to here f + 1 others confirmed, one of whom at least is honest. 0 if so many never did. */
      readonly proven: number;
    }
  | {
      readonly intact: false;
      /** The line of the file, from 1, at which it is noticed. */
      readonly line: number;
      readonly reason: string;
    };

/** Follows an export line by line, and keeps one line of it at a time. Never throws for what the file says. */
export async function verifyExport(
  lines: Iterable<string> | AsyncIterable<string>,
  expectations: ExportExpectations,
): Promise<ExportVerdict> {
  const reader = new ExportReader(expectations);
  // The line that is awaited or looked at.
  let number = 1;
  try {
    for await (const line of lines) {
      reader.take(line);
      number++;
    }
    return reader.end();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { intact: false, line: number, reason: error.message };
  }
}

const refuse = (reason: string): never => {
  throw new CodecError(reason);
};

class ExportReader {
  readonly #expected: ExportExpectations;
  /** What others hold, by position. */
  readonly #known = new Map<number, SignedCheckpoint[]>();
  readonly #confirmed = new Map<NodeId, Confirmation>();
  #header: ExportHeader | null = null;
  #head: AuditHead = { position: 0, hash: AUDIT_GENESIS };
  #seal: ExportSeal = { entries: 0, checkpoints: 0, digest: EMPTY_DIGEST };
  #isSealed = false;
  /** The signer of the checkpoint just read; those at one position stand in order. */
  #lastSigner = "";

  constructor(expected: ExportExpectations) {
    this.#expected = expected;
    for (const signed of expected.known ?? []) {
      const { position } = signed.checkpoint;
      this.#known.set(position, [...(this.#known.get(position) ?? []), signed]);
    }
  }

  take(text: string): void {
    if (this.#isSealed) refuse("something follows the last line");
    if (text.length > MAX_EXPORT_LINE) refuse("the line is too long for an export");
    const line = parseLine(text, this.#header?.node ?? null);
    if (line.kind === "seal") return this.#checkSeal(line.seal);
    const digest = digestAfter(this.#seal.digest, text);
    this.#follow(line);
    this.#seal = {
      entries: this.#seal.entries + (line.kind === "entry" ? 1 : 0),
      checkpoints: this.#seal.checkpoints + (line.kind === "checkpoint" ? 1 : 0),
      digest,
    };
  }

  end(): ExportVerdict {
    if (this.#header === null) return refuse("the file is empty");
    if (!this.#isSealed) refuse("the file was cut: its last line is missing");
    const beyond = [...this.#known.keys()].find((position) => position > this.#head.position);
    if (beyond !== undefined)
      refuse(`the log was cut: another node confirmed ${beyond} entries, and here are ${this.#head.position}`);
    const { node, roster } = this.#header;
    const confirmed = [...this.#confirmed.values()].toSorted((a, b) => b.position - a.position);
    const proven = confirmed[toleratedFaults(roster.nodes.length)]?.position ?? 0;
    return { intact: true, node, roster, rosterHash: toHex(rosterHash(roster)), head: this.#head, confirmed, proven };
  }

  #follow(line: Exclude<ExportLine, { kind: "seal" }>): void {
    if (line.kind === "header") return this.#begin(line.header);
    if (line.kind === "entry") return this.#followEntry(line.row);
    this.#followCheckpoint(line.checkpoint);
  }

  #begin(header: ExportHeader): void {
    if (this.#header !== null) refuse("a second header");
    const { node, roster } = header;
    const { roster: expected, known = [], verify } = this.#expected;
    if (!roster.nodes.some(({ id }) => id === node)) refuse("the log is of no node of the roster");
    if (expected !== undefined && toHex(rosterHash(expected)) !== toHex(rosterHash(roster)))
      refuse("the file names other nodes than the roster that it is compared with");
    for (const signed of known)
      if (signed.checkpoint.node !== node || !isCosigned(signed) || !verify(roster, signed))
        refuse("a checkpoint that the file is compared with is not another node's good signature on this log");
    this.#header = header;
  }

  #followEntry(row: AuditRow): void {
    if (row.position !== this.#head.position + 1)
      refuse(`entry ${row.position} where ${this.#head.position + 1} is next`);
    if (row.previous !== this.#head.hash) refuse(`entry ${row.position} does not follow from the entry before it`);
    if (row.hash !== auditHash(row)) refuse(`the content of entry ${row.position} does not match its hash`);
    this.#head = { position: row.position, hash: row.hash };
    this.#lastSigner = "";
    for (const { checkpoint } of this.#known.get(row.position) ?? [])
      if (toHex(checkpoint.hash) !== row.hash)
        refuse(`the log was rewritten: another node confirmed another entry ${row.position}`);
  }

  #followCheckpoint(row: StoredCheckpoint): void {
    const { roster } = this.#header!;
    const { position, hash } = this.#head;
    if (row.position > position)
      refuse(`the log was cut: a checkpoint of ${row.position} entries, and here are ${position}`);
    if (row.position !== position) refuse("a checkpoint does not stand behind its entry");
    if (row.hash !== hash) refuse(`the log was rewritten: a checkpoint has another entry ${position}`);
    if (row.signer <= this.#lastSigner) refuse("checkpoints at one position are not in order of their signers");
    const signed = checkpointOf(roster.cluster, row);
    if (!isCosigned(signed)) refuse("a checkpoint is signed by the node whose log it is");
    if (!this.#expected.verify(roster, signed))
      refuse("a checkpoint's signature is not that of another node on this log");
    this.#lastSigner = row.signer;
    const { signer, atMs } = checkpointRow(signed);
    this.#confirmed.set(signer, { signer, position, atMs });
  }

  #checkSeal({ entries, checkpoints, digest }: ExportSeal): void {
    const seal = this.#seal;
    if (this.#header === null) refuse("the header is missing");
    if (entries !== seal.entries || checkpoints !== seal.checkpoints)
      refuse(
        `the last line counts ${entries} entries and ${checkpoints} checkpoints, and here are ${seal.entries} and ${seal.checkpoints}`,
      );
    if (digest !== seal.digest) refuse("a line was changed: the last line was written for others");
    this.#isSealed = true;
  }
}
