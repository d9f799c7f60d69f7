/**
 * Evidence as a file that stands for itself: the roster under which it was signed, everything that one node convicted others of,
 * and what it means in words. Whoever holds it judges it with nothing else at hand. The exporting node signs the whole, and the
 * words follow from the bytes, so that no part of it can be changed unnoticed.
 */
import {
  codec,
  CodecError,
  equalBytes,
  fromHex,
  isHex,
  list,
  literal,
  bytes,
  record,
  toHex,
  transcript,
  uint,
  type Codec,
} from "@conclave/bytes";
import {
  entryOf,
  evidenceCodec,
  nodeId,
  rosterCodec,
  rosterHash,
  verifyEvidence,
  type Conviction,
  type Evidence,
  type EvidenceContext,
  type NodeId,
  type Roster,
} from "@conclave/consensus";
import type { Ed25519Signer, Engine } from "@conclave/crypto";
import type { Protocol } from "@conclave/protocol";
import { Ceremonies } from "./ceremonies.ts";
import { EnvelopeReader } from "./envelope.ts";
import { evidenceContext, faultProofCodec, openEvidence } from "./judge.ts";
import type { SigningScheme } from "./scheme.ts";

const FORMAT = "conclave-evidence/1";
/** Three strikes of every node of the largest roster. */
const MAX_CASES = 96;
/** The last moment that has a date. */
const MAX_TIME_MS = 8_640_000_000_000_000;
/** Of one piece of evidence; the same as an envelope carries. */
const MAX_EVIDENCE_BYTES = 1 << 19;
const MAX_ROSTER_BYTES = 16_384;
/** All of it at their largest. */
const MAX_CONTENT_BYTES = MAX_CASES * (MAX_EVIDENCE_BYTES + 64) + MAX_ROSTER_BYTES + 256;
/** The same in hexadecimal, with its words. */
export const MAX_EVIDENCE_FILE_BYTES = 2 * MAX_CONTENT_BYTES + 65_536;

const contentSchema = record({
  format: literal(FORMAT),
  roster: bytes({ max: MAX_ROSTER_BYTES }),
  exporter: nodeId,
  exportedAtMs: uint({ max: MAX_TIME_MS }),
  cases: list(
    record({
      evidence: bytes({ min: 1, max: MAX_EVIDENCE_BYTES }),
      /** When the exporter first verified it: its own word. */
      seenAtMs: uint({ max: MAX_TIME_MS }),
    }),
    { max: MAX_CASES },
  ),
});

/** What the exporter signs. */
export interface Content {
  readonly format: typeof FORMAT;
  readonly roster: Uint8Array;
  readonly exporter: NodeId;
  readonly exportedAtMs: number;
  readonly cases: readonly { readonly evidence: Uint8Array; readonly seenAtMs: number }[];
}

export const contentCodec: Codec<Content> = codec(contentSchema, { maxBytes: MAX_CONTENT_BYTES });

/** One proven act. */
export interface EvidenceCase {
  readonly node: NodeId;
  /** Its name in the file's roster. */
  readonly name: string;
  readonly kind: Evidence["kind"];
  /** Names the act, whichever proof of it is shown: 32 bytes. */
  readonly incident: Uint8Array;
  /** What was signed, and where: a sentence. */
  readonly description: string;
  readonly seenAtMs: number;
}

/** A file whose every claim was verified. */
export interface VerifiedEvidence {
  readonly roster: Roster;
  readonly rosterHash: Uint8Array;
  readonly exporter: string;
  readonly exportedAtMs: number;
  readonly cases: readonly EvidenceCase[];
}

/** Not a file of evidence, or one that does not prove what it says. The message says what is wrong with it. */
export class EvidenceFileRefused extends Error {
  override readonly name = "EvidenceFileRefused";
  readonly code: "unreadable" | "altered" | "forged" | "unproven";
  constructor(code: EvidenceFileRefused["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What no evidence proves, whatever it holds: shown with every verdict. */
export const NOT_PROVEN: readonly string[] = [
  "When it happened: the time is the exporting node's word.",
  "Who held the keys: a stolen key or a cloned machine signs like its owner.",
  "That this roster is your cluster's: compare it with the charter that you hold.",
  "That this is everything: other nodes may know of more.",
];

interface ExportParts {
  readonly engine: Engine;
  readonly roster: Roster;
  readonly protocols: readonly Protocol<unknown, unknown>[];
  readonly self: NodeId;
  readonly signer: Ed25519Signer;
  readonly nowMs: number;
}

/** The text of a file. Convictions that the present roster does not prove are left out: nobody could check them. */
export function exportEvidence(parts: ExportParts, convictions: readonly Conviction[]): string {
  const context = contextOf(parts);
  const provable = convictions.filter(({ evidence }) => verifyEvidence(context, evidenceCodec.decode(evidence)));
  const content: Content = {
    format: FORMAT,
    roster: rosterCodec.encode(parts.roster),
    exporter: parts.self,
    exportedAtMs: parts.nowMs,
    cases: provable.map(({ evidence, seenAtMs }) => ({ evidence, seenAtMs })),
  };
  return print(parts, content, parts.signer.sign(signedBytes(contentCodec.encode(content))));
}

export const signedBytes = (content: Uint8Array): Uint8Array => transcript("custody/evidence-file", { content });

type Judges = Pick<ExportParts, "engine" | "protocols">;

function contextOf({ engine, protocols, roster }: Judges & { readonly roster: Roster }): EvidenceContext {
  return evidenceContext({ engine, roster, protocols, reader: new EnvelopeReader(engine, roster, rosterHash(roster)) });
}

/** A case as a file and a verdict print it. */
export const printedCase = ({ name, node, kind, incident, description, seenAtMs }: EvidenceCase) => ({
  node: name,
  key: node,
  violation: kind,
  incident: toHex(incident),
  what: description,
  first_seen: new Date(seenAtMs).toISOString(),
});

/** The one text of a content: what is in words follows from what is in bytes. */
function print(judges: Judges, content: Content, signature: Uint8Array): string {
  const { roster, cases, exporter, exportedAtMs } = verified(judges, content);
  const file = {
    format: FORMAT,
    cluster: roster.cluster,
    roster_hash: toHex(rosterHash(roster)),
    exported_by: exporter,
    exported_at: new Date(exportedAtMs).toISOString(),
    cases: cases.map(printedCase),
    does_not_prove: NOT_PROVEN,
    content: toHex(contentCodec.encode(content)),
    signature: toHex(signature),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Judge a file with nothing else at hand than the schemes that this version knows. Throws `EvidenceFileRefused`. */
export function verifyEvidenceFile(
  { engine, schemes }: { readonly engine: Engine; readonly schemes: readonly SigningScheme[] },
  text: string,
): VerifiedEvidence {
  const judges = { engine, protocols: Ceremonies.protocols(schemes) };
  const { content: encoded, signature } = readText(text);
  const content = decoded(encoded);
  const found = verified(judges, content);
  const isSigned = judges.engine.ed25519Verifier(fromHex(content.exporter))(signedBytes(encoded), signature);
  if (!isSigned)
    throw new EvidenceFileRefused("forged", `this file is not signed by ${found.exporter}, which it names`);
  if (print(judges, content, signature) !== text)
    throw new EvidenceFileRefused("altered", "the words of this file are not those of its content: it was changed");
  return found;
}

function readText(text: string): { readonly content: Uint8Array; readonly signature: Uint8Array } {
  if (text.length > MAX_EVIDENCE_FILE_BYTES)
    throw new EvidenceFileRefused("unreadable", `a file of evidence has at most ${MAX_EVIDENCE_FILE_BYTES} letters`);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    throw new EvidenceFileRefused("unreadable", "this is no file of evidence: it is not JSON", { cause });
  }
  const { format, content, signature } =
    ((typeof file === "object" ? file : null) as Readonly<Record<string, unknown>>) ?? {};
  if (format !== FORMAT)
    throw new EvidenceFileRefused("unreadable", `this is no file of evidence: its format is not ${FORMAT}`);
  if (typeof content !== "string" || !isHex(content) || typeof signature !== "string" || !isHex(signature, 64))
    throw new EvidenceFileRefused("unreadable", "this file of evidence lacks its content or its signature");
  return { content: fromHex(content), signature: fromHex(signature) };
}

function decoded(encoded: Uint8Array): Content {
  try {
    return contentCodec.decode(encoded);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new EvidenceFileRefused("unreadable", `the content of this file is damaged: ${cause.message}`, { cause });
  }
}

function verified(judges: Judges, { roster: encoded, exporter, exportedAtMs, cases }: Content): VerifiedEvidence {
  const roster = readRoster(encoded);
  const entry = entryOf(roster, exporter);
  if (entry === undefined) throw new EvidenceFileRefused("forged", "the node that exported this is not in its roster");
  const context = contextOf({ ...judges, roster });
  const found = cases.map(({ evidence, seenAtMs }, i) =>
    judged(context, roster, { evidence, seenAtMs, number: i + 1 }),
  );
  return { roster, rosterHash: rosterHash(roster), exporter: entry.name, exportedAtMs, cases: found };
}

function readRoster(encoded: Uint8Array): Roster {
  try {
    return rosterCodec.decode(encoded);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new EvidenceFileRefused("unreadable", `the roster in this file is damaged: ${cause.message}`, { cause });
  }
}

function judged(
  context: EvidenceContext,
  roster: Roster,
  { evidence: encoded, seenAtMs, number }: { evidence: Uint8Array; seenAtMs: number; number: number },
): EvidenceCase {
  let evidence: Evidence;
  try {
    evidence = evidenceCodec.decode(encoded);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new EvidenceFileRefused("unproven", `case ${number} is damaged: ${cause.message}`, { cause });
  }
  const incident = verifyEvidence(context, evidence);
  if (incident === undefined)
    throw new EvidenceFileRefused(
      "unproven",
      `case ${number}, a ${evidence.kind}, proves nothing against any node of this roster`,
    );
  const { node, kind, id } = incident;
  const description = describe(context, roster, evidence);
  return { node, name: entryOf(roster, node)!.name, kind, incident: id, description, seenAtMs };
}

/** What verified evidence shows, and where. */
function describe({ engine }: EvidenceContext, roster: Roster, evidence: Evidence): string {
  const reader = new EnvelopeReader(engine, roster, rosterHash(roster));
  switch (evidence.kind) {
    case "DoubleVote": {
      const [a, b] = [evidence.first.vote, evidence.second.vote];
      const said = [a, b].map(
        ({ value, digest }) => `${value ? "yes" : "no"} to content ${toHex(digest).slice(0, 16)}`,
      );
      const other = equalBytes(a.digest, b.digest) && a.value === b.value ? ", under other circumstances" : "";
      return `signed two different votes on request ${toHex(a.request)}, revision ${a.revision}, round ${a.round}: ${said.join(" and ")}${other}`;
    }
    case "MinorityVote": {
      const { request, revision, round } = evidence.vote.vote;
      return `signed a yes to revision ${revision} of request ${toHex(request)} in round ${round}, which does not pay what the request asks for`;
    }
    case "Equivocation": {
      const { kind, request, round, attempt } = openEvidence(reader, evidence.first).header;
      const where = request === null ? "" : ` of request ${toHex(request)}, attempt ${attempt}`;
      return `signed two different messages in one place: ${kind}${round === "" ? "" : `, round ${round}`}${where}`;
    }
    case "ProtocolFault": {
      const { request, round, attempt } = openEvidence(reader, faultProofCodec.decode(evidence.proof).wire).header;
      const where = request === null ? "" : ` of request ${toHex(request)}, attempt ${attempt}`;
      return `signed a message of ${evidence.check}, round ${round}, that fails the check which everybody can make${where}`;
    }
  }
}
