/**
 * All that was said and done in a simulated cluster, as nobody inside it can see, and what must be true of it at any time:
 * the rules by which no payment is made twice and nobody honest is banned. A check looks at the newest fact and at
 * everything before it; it decides nothing and changes nothing.
 */
import { equalBytes, toHex } from "@conclave/bytes";
import {
  inputDigests,
  networks,
  outpointKey,
  parseTransaction,
  readPayment,
  verifySchnorr,
  type InputDigest,
  type PaymentView,
  type Wallet,
} from "@conclave/bitcoin";
import {
  contradicts,
  rosterHash,
  signedVoteCodec,
  verifyVote,
  type NodeId,
  type SignedVote,
} from "@conclave/consensus";
import { seededRng } from "@conclave/crypto/testing";
import { createIdentity, Custody, proposalCodec, revisionDigest, viewKey, type Request } from "@conclave/custody";
import {
  ackCodec,
  EnvelopeReader,
  isSpent,
  memoryJournal,
  memoryVault,
  replay,
  setupCodec,
  type Envelope,
} from "@conclave/custody/testing";
import { createHash } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { Committee } from "./committee.ts";
import { engine, schemes } from "./engine.ts";
import { deathCodec } from "./pairwise-liar.ts";

export type Fact =
  /** An envelope left a custody; `promises` is what was on that node's disk then. */
  | {
      readonly kind: "said";
      readonly node: NodeId;
      readonly envelope: Envelope;
      readonly promises: readonly Uint8Array[];
    }
  /** A node holds a complete transaction. */
  | {
      readonly kind: "signed";
      readonly node: NodeId;
      readonly request: string;
      readonly txid: string;
      readonly rawTx: Uint8Array;
    }
  /** A node banned another. */
  | { readonly kind: "banned"; readonly by: NodeId; readonly node: NodeId; readonly evidence: Uint8Array }
  /** A node said that an edge died, or that it made its own to a peer anew. */
  | { readonly kind: "edge dead"; readonly by: NodeId; readonly between: readonly [NodeId, NodeId] }
  | { readonly kind: "edge made"; readonly by: NodeId; readonly peer: NodeId }
  /** A custody let go of a request. `depth`: of the deepest that one of its payments has ever been. */
  | {
      readonly kind: "released";
      readonly by: NodeId;
      readonly request: string;
      readonly reason: string;
      readonly depth: number;
    }
  /** The chain took a transaction in, or took it back. */
  | { readonly kind: "chain"; readonly standing: readonly string[] };

/** A revision that somebody proposed. */
export interface Proposed {
  readonly request: string;
  readonly number: number;
  readonly digest: string;
  readonly view: PaymentView;
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

type Check = (truth: Truth, fact: Fact) => string | null;

export class Truth {
  readonly committee: Committee;
  readonly honest: ReadonlySet<NodeId>;
  readonly #reader: EnvelopeReader;
  readonly #checks: Readonly<Record<string, Check>>;
  readonly #learned = new Set<string>();
  /** By hash: those that a reader found genuine. */
  readonly #opened = new Map<string, Envelope>();
  readonly requests = new Map<string, Request>();
  /** By transaction id. */
  readonly proposed = new Map<string, Proposed>();
  /** Votes of honest and other nodes whose signatures are genuine, by request. */
  readonly votes = new Map<string, SignedVote[]>();
  /** Transactions that some honest node holds completely signed, with the request they pay. */
  readonly signed = new Map<string, string>();
  /** Content of every slot that an honest node filled, and where each one-use value was used. */
  readonly slots = new Map<string, Uint8Array>();
  readonly once = new Map<string, string>();
  /** Honest nodes' own ends of edges that died and were not made anew since: `node/peer`. */
  readonly deadEnds = new Set<string>();
  /** Setups of dead ends: `node/peer/setup`. They never come back. */
  readonly deadSetups = new Set<string>();
  /** Evidence, in hexadecimal, that an outsider found proven, with whom it convicts. */
  readonly proven = new Map<string, NodeId>();

  constructor(committee: Committee, honest: ReadonlySet<NodeId>, checks: Readonly<Record<string, Check>> = CHECKS) {
    this.committee = committee;
    this.honest = honest;
    this.#checks = checks;
    this.#reader = new EnvelopeReader(engine, committee.settings.roster, rosterHash(committee.settings.roster));
  }

  /** Throws `EnvelopeRefused`. Verified once, however many hear it. */
  open(wire: Uint8Array): Envelope {
    const key = toHex(sha256(wire));
    const envelope = this.#opened.get(key) ?? this.#reader.open(wire);
    this.#opened.set(key, envelope);
    return envelope;
  }

  /** Null for what is no envelope of this roster. */
  openIfGenuine(wire: Uint8Array): Envelope | null {
    try {
      return this.open(wire);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "EnvelopeRefused") throw error;
      return null;
    }
  }

  /** A proposal became known to somebody. */
  propose(proposal: Uint8Array, wallet: Wallet): void {
    const bytes = toHex(proposal);
    if (this.#learned.has(bytes)) return;
    this.#learned.add(bytes);
    const { request, revision } = proposalCodec.decode(proposal);
    // What a message is signed for is custody's to check; money is moved by payments.
    if (revision === null || request.kind !== "payment") return;
    const id = toHex(revision.request);
    this.requests.set(id, request);
    const digest = toHex(revisionDigest(revision));
    const view = readPayment(revision.psbt, wallet);
    this.proposed.set(view.txid, { request: id, number: revision.number, digest, view });
  }

  /** Every rule that a new fact breaks, in words; then it belongs to what is known. */
  add(fact: Fact): readonly string[] {
    const broken = Object.entries(this.#checks).flatMap(([rule, check]) => {
      const found = check(this, fact);
      return found === null ? [] : [`${rule}: ${found}`];
    });
    this.#remember(fact);
    return broken;
  }

  #remember(fact: Fact): void {
    if (fact.kind === "signed") this.signed.set(fact.txid, fact.request);
    if (fact.kind === "edge made") this.deadEnds.delete(`${fact.by}/${fact.peer}`);
    if (fact.kind !== "said") return;
    const { header, body } = fact.envelope;
    if (header.kind === "vote") this.#count(signedVoteCodec.decode(body));
    if (header.kind === "setup")
      for (const vote of setupCodec.decode(body).votes) this.#count(signedVoteCodec.decode(vote));
    if (!this.honest.has(header.sender)) return;
    const slot = slotOf(fact.envelope);
    if (slot !== null) this.slots.set(slot, body);
    for (const [value, use] of oneUseValues(fact.envelope)) this.once.set(value, use);
    if (header.kind === "evidence") this.#judge(fact.envelope);
    if (header.kind !== "edge" || header.sender !== fact.node) return;
    const { setup, peer } = deathCodec.decode(body);
    this.deadEnds.add(`${fact.node}/${peer}`);
    this.deadSetups.add(`${fact.node}/${peer}/${toHex(setup)}`);
  }

  #count(signed: SignedVote): void {
    const request = toHex(signed.vote.request);
    const known = this.votes.get(request) ?? [];
    if (known.some(({ signature }) => equalBytes(signature, signed.signature))) return;
    if (verifyVote(engine, this.committee.settings.roster, signed)) this.votes.set(request, [...known, signed]);
  }

  /** Show evidence to a custody that took no part. */
  #judge({ wire, body }: Envelope): void {
    const vault = memoryVault();
    createIdentity(engine, vault, seededRng("an outsider"));
    const { settings } = this.committee;
    const parts = { engine, vault, journal: memoryJournal(), rng: seededRng("judge"), schemes, settings };
    for (const event of new Custody(parts).receive(0, wire))
      if (event.kind === "violation") this.proven.set(toHex(body), event.node);
  }
}

export const walletOf = ({ key: { record }, scheme, settings }: Committee): Wallet => {
  const { publicKey, chainCode } = viewKey(record);
  const scriptType = scheme === "frost-secp256k1-taproot" ? "p2tr" : "p2wpkh";
  return { network: networks[settings.network], scriptType, publicKey, chainCode };
};

const short = (id: string): string => id.slice(0, 8);

/** Rounds in which nonces are committed to, and those after which they are used up. */
const COMMITMENTS: ReadonlySet<string> = new Set(["frost/sign/1", "dkls23/sign/1-commit"]);
const PARTIALS: ReadonlySet<string> = new Set(["frost/sign/2", "dkls23/sign/4-combine"]);

/** What an honest node fills with one content, whatever happens to it. */
function slotOf({ header }: Envelope): string | null {
  const { kind, sender, request, attempt, round, ssid, receiver } = header;
  if (kind === "setup" || kind === "ack" || kind === "begin")
    return `${kind} ${sender} ${toHex(request!)} ${attempt} ${round}`;
  return ssid === null ? null : `${kind} ${sender} ${toHex(ssid)} ${round} ${receiver}`;
}

/** Values that are used once in the life of a cluster, each with the only place where it may appear. */
function oneUseValues({ header, body }: Envelope): readonly (readonly [value: string, use: string])[] {
  if (header.kind === "ack") {
    const { nonce, ephemeral } = ackCodec.decode(body);
    const use = `the ack of ${short(header.sender)} to ${short(toHex(header.request!))} attempt ${header.attempt} ${header.round}`;
    return [nonce, ephemeral].map((value) => [toHex(value), use] as const);
  }
  if (header.kind === "step/broadcast" && COMMITMENTS.has(header.round))
    return [[toHex(body), `nonce commitments of ${short(header.sender)} in session ${toHex(header.ssid!)}`]];
  return [];
}

/** The rules. */
export const CHECKS: Readonly<Record<string, Check>> = {
  "one payment per request": (truth, fact) => {
    if (fact.kind !== "signed" || !truth.honest.has(fact.node)) return null;
    const rivals = [...truth.signed].filter(([txid, request]) => request === fact.request && txid !== fact.txid);
    const coins = coinsOf(truth, fact.txid);
    const apart = rivals.find(([txid]) => !coinsOf(truth, txid).some((coin) => coins.includes(coin)));
    return apart === undefined ? null : `request ${short(fact.request)} is signed as ${fact.txid} and as ${apart[0]}`;
  },

  "one request per coin": (truth, fact) => {
    if (fact.kind !== "signed" || !truth.honest.has(fact.node)) return null;
    const coins = coinsOf(truth, fact.txid);
    for (const [txid, request] of truth.signed) {
      const shared = request === fact.request ? undefined : coinsOf(truth, txid).find((coin) => coins.includes(coin));
      if (shared !== undefined) return `${shared} is spent by request ${short(fact.request)} and by ${short(request)}`;
    }
    return null;
  },

  "only what was approved is signed": (truth, fact) => {
    if (fact.kind !== "signed" || !truth.honest.has(fact.node)) return null;
    const proposed = truth.proposed.get(fact.txid);
    if (proposed === undefined || proposed.request !== fact.request) return `nobody proposed ${fact.txid}`;
    const yes = (truth.votes.get(fact.request) ?? []).filter(
      ({ vote }) => vote.value && vote.revision === proposed.number && toHex(vote.digest) === proposed.digest,
    );
    const most = Math.max(0, ...yes.map(({ vote }) => votersOf(yes, vote.round)));
    const { quorum } = truth.committee.settings;
    return most >= quorum ? null : `${fact.txid} is signed with ${most} genuine yes votes of ${quorum}`;
  },

  "signatures are valid": (truth, fact) => {
    if (fact.kind !== "signed" || truth.signed.has(fact.txid)) return null;
    const view = truth.proposed.get(fact.txid)?.view;
    if (view === undefined) return null;
    const { inputs } = parseTransaction(fact.rawTx);
    const wrong = inputDigests(view).findIndex((input, i) => !isSignedBy(input, inputs[i]?.witness ?? []));
    return wrong < 0 ? null : `the signature of input ${wrong} of ${fact.txid} does not verify`;
  },

  "a request is paid once": (truth, fact) => {
    if (fact.kind !== "chain") return null;
    const paid = fact.standing.flatMap((txid) => truth.proposed.get(txid)?.request ?? []);
    const twice = paid.find((request, i) => paid.indexOf(request) !== i);
    return twice === undefined ? null : `request ${short(twice)} is paid twice`;
  },

  "only our transactions spend our coins": (truth, fact) => {
    if (fact.kind !== "chain") return null;
    const stranger = fact.standing.find((txid) => !truth.proposed.has(txid));
    return stranger === undefined ? null : `${stranger} spends and nobody proposed it`;
  },

  "a payment ends its request only when it is buried": (truth, fact) =>
    fact.kind === "released" &&
    truth.honest.has(fact.by) &&
    fact.reason === "buried-payment" &&
    fact.depth < truth.committee.settings.burialDepth
      ? `${short(fact.by)} let go of ${short(fact.request)}, whose payment is ${fact.depth} blocks deep`
      : null,

  "a vote is never contradicted": (truth, fact) => {
    if (fact.kind !== "said" || !truth.honest.has(fact.envelope.header.sender) || fact.envelope.header.kind !== "vote")
      return null;
    const { vote } = signedVoteCodec.decode(fact.envelope.body);
    const earlier = truth.votes.get(toHex(vote.request)) ?? [];
    const other = earlier.find((known) => contradicts(known.vote, vote));
    return other === undefined
      ? null
      : `${short(vote.voter)} voted twice on revision ${vote.revision} in round ${vote.round}`;
  },

  "promises are on disk before they are told": (truth, fact) => {
    // Others pass on what a node said; whether it may be said is its own affair.
    if (fact.kind !== "said" || fact.envelope.header.sender !== fact.node) return null;
    const { header, body } = fact.envelope;
    const generation = generationOf(fact.envelope);
    if (generation > fact.promises.length)
      return `${header.kind} at position ${generation}, on disk are ${fact.promises.length}`;
    if (header.kind === "edge")
      return !truth.honest.has(fact.node) || isDeathOnDisk(fact) ? null : "an edge's death before its record";
    if (header.kind !== "step/broadcast" || !PARTIALS.has(header.round)) return null;
    const state = replay(fact.promises.map((record, i) => ({ position: i + 1, record })));
    return isSpent(state, "nonce", header.ssid!)
      ? null
      : `a partial signature of ${body.length} bytes before its spent mark`;
  },

  "one content per slot": (truth, fact) => {
    if (fact.kind !== "said" || !truth.honest.has(fact.envelope.header.sender)) return null;
    const slot = slotOf(fact.envelope);
    const known = slot === null ? undefined : truth.slots.get(slot);
    return known === undefined || equalBytes(known, fact.envelope.body) ? null : `two contents of ${slot}`;
  },

  "nothing used once is used again": (truth, fact) => {
    if (fact.kind !== "said" || !truth.honest.has(fact.envelope.header.sender)) return null;
    const again = oneUseValues(fact.envelope).find(([value, use]) => (truth.once.get(value) ?? use) !== use);
    return again === undefined ? null : `${again[1]} repeats ${truth.once.get(again[0])}`;
  },

  "nobody honest is banned": (truth, fact) =>
    fact.kind === "banned" && truth.honest.has(fact.by) && truth.honest.has(fact.node)
      ? `${short(fact.by)} banned ${short(fact.node)}`
      : null,

  "edges of the honest live": (truth, fact) => {
    if (fact.kind !== "edge dead" || !truth.honest.has(fact.by)) return null;
    const [a, b] = fact.between;
    return truth.honest.has(a) && truth.honest.has(b)
      ? `${short(fact.by)} says that ${short(a)} and ${short(b)} lost each other`
      : null;
  },

  "dead edges stay dead": (truth, fact) => {
    if (fact.kind !== "said" || !truth.honest.has(fact.node) || fact.envelope.header.sender !== fact.node) return null;
    const { header, body } = fact.envelope;
    if (header.kind === "ack") {
      const nodes = truth.committee.nodes;
      const again = ackCodec
        .decode(body)
        .edges.find(({ peer, setup }) => truth.deadSetups.has(`${fact.node}/${nodes[peer - 1]}/${toHex(setup)}`));
      if (again !== undefined) return `${short(fact.node)} names its dead edge to party ${again.peer} as alive`;
    }
    const isSigning = header.kind === "step/direct" && header.round.startsWith("dkls23/sign/");
    return isSigning && truth.deadEnds.has(`${fact.node}/${header.receiver}`)
      ? `${short(fact.node)} seals something to ${short(header.receiver!)} along a dead edge`
      : null;
  },

  "every ban is proven": (truth, fact) => {
    if (fact.kind !== "banned" || !truth.honest.has(fact.by)) return null;
    const proven = truth.proven.get(toHex(fact.evidence));
    return proven === fact.node ? null : `the evidence against ${short(fact.node)} convinces no outsider`;
  },
};

/** BIP341's key path, or BIP141's signature with its hash type and key: the latter by an implementation that is not ours. */
function isSignedBy({ scriptType, outputKey, digest }: InputDigest, witness: readonly Uint8Array[]): boolean {
  const [signature = new Uint8Array(64), key = new Uint8Array(0), ...more] = witness;
  if (scriptType === "p2tr") return witness.length === 1 && verifySchnorr(outputKey, digest, signature);
  if (more.length > 0 || signature.at(-1) !== 1 || !equalBytes(key, outputKey)) return false;
  return secp256k1.verify(signature.slice(0, -1), digest, outputKey, { prehash: false, lowS: true, format: "der" });
}

function isDeathOnDisk({ node, envelope, promises }: Extract<Fact, { kind: "said" }>): boolean {
  const { setup, peer } = deathCodec.decode(envelope.body);
  const { deadEdges } = replay(promises.map((record, i) => ({ position: i + 1, record })));
  return deadEdges.get(toHex(setup))?.has([node, peer].toSorted().join("-")) === true;
}

const coinsOf = (truth: Truth, txid: string): readonly string[] =>
  truth.proposed.get(txid)?.view.inputs.map(({ outpoint }) => outpointKey(outpoint)) ?? [];

const votersOf = (votes: readonly SignedVote[], round: number): number =>
  new Set(votes.filter(({ vote }) => vote.round === round).map(({ vote }) => vote.voter)).size;

function generationOf({ header, body }: Envelope): number {
  if (header.kind === "ack") return ackCodec.decode(body).generation;
  return header.kind === "vote" ? signedVoteCodec.decode(body).vote.generation : 0;
}
