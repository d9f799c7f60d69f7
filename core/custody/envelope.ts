/**
 * Everything that passes between custodies is an envelope: a header that says what the message is and to which run it
 * belongs, a body, and the sender's signature over both. A verified envelope is what blame rests on, so the header names
 * all that a third party needs: roster, session, round, view, sender and receiver.
 */
import {
  bytes,
  codec,
  CodecError,
  fixedBytes,
  fromHex,
  literal,
  optional,
  record,
  text,
  transcript,
  uint,
  utf8,
  concatBytes,
  type Codec,
} from "@conclave/bytes";
import { entryOf, nodeId, type NodeId, type Roster } from "@conclave/consensus";
import type { Ed25519Verifier, Engine } from "@conclave/crypto";
import type { Identity } from "./identity.ts";

export const KINDS = [
  "proposal",
  "vote",
  "abandon",
  "setup",
  "ack",
  "begin",
  "step/broadcast",
  "step/direct",
  "step/echo",
  "result",
  "certificate",
  "edge",
  "evidence",
  "hello",
  "witness",
  "waiting",
  "checkpoint",
] as const;

export type Kind = (typeof KINDS)[number];

export interface Header {
  readonly version: 1;
  /** Hash of the sender's roster: nodes with different rosters do not talk past each other. */
  readonly roster: Uint8Array;
  readonly kind: Kind;
  /** Protocol id of the session; empty outside sessions. */
  readonly protocol: string;
  /** Session id; null where none exists yet. */
  readonly ssid: Uint8Array | null;
  /** The request and attempt that a setup, ack or begin speaks of; null and 0 elsewhere. */
  readonly request: Uint8Array | null;
  readonly attempt: number;
  /** Key and epoch in use; null and 0 while a key is being made. */
  readonly key: Uint8Array | null;
  readonly epoch: number;
  /** Round of the protocol; empty outside sessions. */
  readonly round: string;
  readonly view: Uint8Array | null;
  readonly sender: NodeId;
  /** Party number of the sender in the session; 0 outside sessions. */
  readonly senderIndex: number;
  /** Null: for everybody. Broadcast bytes are the same for all receivers. */
  readonly receiver: NodeId | null;
  readonly receiverIndex: number;
  /** Body length in bytes. */
  readonly length: number;
}

/** Largest body: the opening of a 32-party key generation is 2 KB, a setup with 32 votes 15 KB, evidence the largest. */
const MAX_BODY_BYTES = 512 * 1024;

/** Kinds of which a sender fills each slot once, whatever happens. */
export const SLOTTED: ReadonlySet<Kind> = new Set([
  "setup",
  "ack",
  "begin",
  "step/broadcast",
  "step/direct",
  "step/echo",
]);

/** Largest body in a slot, so that two of them make evidence that a ban record holds. A begin with 32 acks has 70 KB. */
const MAX_SLOTTED_BODY_BYTES = 100_000;

/** Header fields that not every kind uses. */
type Particular = "protocol" | "ssid" | "request" | "attempt" | "key" | "epoch" | "round" | "view" | Place;
type Place = "senderIndex" | "receiver" | "receiverIndex";

const STEP = ["protocol", "ssid", "request", "attempt", "key", "epoch", "round", "view", "senderIndex"] as const;

/**
 * What each kind says in its header. Whatever it does not name stays empty: one content has one header, and a sender cannot
 * fill a slot twice by adding a receiver, a session or a round that nobody reads.
 */
const FIELDS: Readonly<Record<Kind, readonly Particular[]>> = {
  proposal: ["request", "round"],
  vote: ["request", "round"],
  abandon: ["request", "round"],
  setup: ["request", "attempt", "round"],
  ack: ["request", "attempt", "round", "receiver"],
  begin: ["request", "attempt", "round"],
  "step/broadcast": STEP,
  "step/direct": [...STEP, "receiver", "receiverIndex"],
  "step/echo": STEP,
  result: ["request", "round"],
  certificate: ["key", "epoch"],
  edge: ["key", "epoch"],
  evidence: [],
  hello: [],
  witness: ["receiver"],
  waiting: ["request", "round"],
  checkpoint: [],
};

export const headerCodec: Codec<Header> = codec(
  record({
    version: uint({ min: 1, max: 1 }),
    roster: fixedBytes(32),
    kind: literal(...KINDS),
    protocol: text({ max: 64 }),
    ssid: optional(fixedBytes(32)),
    request: optional(fixedBytes(32)),
    attempt: uint({ max: 1_000_000 }),
    key: optional(fixedBytes(32)),
    epoch: uint(),
    round: text({ max: 64 }),
    view: optional(fixedBytes(32)),
    sender: nodeId,
    senderIndex: uint({ max: 255 }),
    receiver: optional(nodeId),
    receiverIndex: uint({ max: 255 }),
    length: uint({ max: MAX_BODY_BYTES }),
  }),
) as Codec<Header>;

const wireCodec = codec(
  record({ header: bytes({ max: 1024 }), body: bytes({ max: MAX_BODY_BYTES }), signature: fixedBytes(64) }),
);

/** A verified envelope together with the exact bytes that were signed and sent. */
export interface Envelope {
  readonly header: Header;
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
  /** The whole envelope as it travels. Resends and evidence use these bytes. */
  readonly wire: Uint8Array;
}

/** Not an envelope of a roster member. Blames nobody: anyone can send garbage in anyone's name. */
export class EnvelopeRefused extends Error {
  override readonly name = "EnvelopeRefused";
}

/** "conclave/env/v1" ‖ H(header) ‖ H(body). */
const signedBytes = (header: Uint8Array, body: Uint8Array): Uint8Array =>
  concatBytes(
    utf8("conclave/env/v1"),
    transcript("custody/envelope/header", { header }),
    transcript("custody/envelope/body", { body }),
  );

/**
 * What an envelope says it is, for those who only look on: nothing of it is verified. Null for bytes that are no envelope, which
 * anybody can send.
 */
export function peekHeader(wire: Uint8Array): Header | null {
  try {
    return headerCodec.decode(wireCodec.decode(wire).header);
  } catch (error) {
    if (error instanceof CodecError) return null;
    throw error;
  }
}

/** A header that says nothing beside what it is. */
const EMPTY = {
  protocol: "",
  ssid: null,
  request: null,
  attempt: 0,
  key: null,
  epoch: 0,
  round: "",
  view: null,
  senderIndex: 0,
  receiver: null,
  receiverIndex: 0,
} as const satisfies Pick<Header, Particular>;

/** What the caller decides about an envelope; the rest follows from the sender and the body. */
export type HeaderFields = Pick<Header, "kind"> &
  Partial<Omit<Header, "kind" | "version" | "roster" | "sender" | "length">>;

/** Sign a body that everybody may read. */
export const sealEnvelope = (
  identity: Identity,
  roster: Uint8Array,
  fields: HeaderFields,
  body: Uint8Array,
): Envelope => sign(identity, headerOf(identity, roster, fields, body.length), body);

/** Sign a body that is encrypted with the header as associated data; `length` is the ciphertext's. */
export function sealCiphertext(
  identity: Identity,
  roster: Uint8Array,
  fields: HeaderFields,
  { length, encrypt }: { readonly length: number; readonly encrypt: (header: Uint8Array) => Uint8Array },
): Envelope {
  const header = headerOf(identity, roster, fields, length);
  return sign(identity, header, encrypt(headerCodec.encode(header)));
}

const headerOf = (identity: Identity, roster: Uint8Array, fields: HeaderFields, length: number): Header => ({
  version: 1,
  roster,
  ...EMPTY,
  ...fields,
  sender: identity.id,
  length,
});

function sign(identity: Identity, header: Header, body: Uint8Array): Envelope {
  const encoded = headerCodec.encode(header);
  const signature = identity.envelope.sign(signedBytes(encoded, body));
  return { header, body, signature, wire: wireCodec.encode({ header: encoded, body, signature }) };
}

/** Opens the envelopes of one roster. Signature checks are the same for live traffic and for old evidence. */
export class EnvelopeReader {
  readonly #roster: Roster;
  readonly #rosterHash: Uint8Array;
  readonly #verifiers: ReadonlyMap<NodeId, Ed25519Verifier>;

  constructor(engine: Engine, roster: Roster, rosterHash: Uint8Array) {
    this.#roster = roster;
    this.#rosterHash = rosterHash;
    this.#verifiers = new Map(roster.nodes.map(({ id }) => [id, engine.ed25519Verifier(fromHex(id))]));
  }

  /** Throws `EnvelopeRefused`. What it returns was signed by the sender that its header names. */
  open(wire: Uint8Array): Envelope {
    try {
      const { header: encoded, body, signature } = wireCodec.decode(wire);
      const header = headerCodec.decode(encoded);
      this.#check(header, body);
      const verify = this.#verifiers.get(header.sender)!;
      if (!verify(signedBytes(encoded, body), signature)) throw new EnvelopeRefused("bad signature");
      return { header, body, signature, wire };
    } catch (cause) {
      if (!(cause instanceof CodecError)) throw cause;
      throw new EnvelopeRefused(`not an envelope: ${cause.message}`, { cause });
    }
  }

  #check(header: Header, body: Uint8Array): void {
    const { roster, kind, sender, receiver, length } = header;
    if (entryOf(this.#roster, sender) === undefined) throw new EnvelopeRefused("the sender is not in the roster");
    if (receiver !== null && entryOf(this.#roster, receiver) === undefined) {
      throw new EnvelopeRefused("the receiver is not in the roster");
    }
    if (length !== body.length) throw new EnvelopeRefused("the body is not as long as its header says");
    if (roster.some((byte, i) => byte !== this.#rosterHash[i])) throw new EnvelopeRefused("made for another roster");
    if (SLOTTED.has(kind) && length > MAX_SLOTTED_BODY_BYTES) throw new EnvelopeRefused(`a ${kind} of ${length} bytes`);
    checkFields(header);
  }
}

/** What a kind names is there, and nothing else is. */
function checkFields(header: Header): void {
  for (const field of Object.keys(EMPTY) as Particular[]) {
    const named = FIELDS[header.kind].includes(field);
    const refused = named ? header[field] === null : header[field] !== EMPTY[field];
    if (refused) throw new EnvelopeRefused(`a ${header.kind} ${named ? "lacks" : "has no"} ${field}`);
  }
}

/** The place that an envelope fills: one content each. Two different contents of one slot, both signed, convict the sender. */
export const slotOf = ({ kind, ssid, request, attempt, round, sender, receiver }: Header): Uint8Array =>
  transcript("custody/envelope/slot", { kind, ssid, request, attempt, round, sender, receiver });
