/**
 * Several custodies in one process, on memory disks and a message pump that a test can tamper with. Everything is driven by
 * hand and in order, so that a test says exactly what happened before what. Parties are named by their number, from 1.
 */
import { nodeEngine } from "@conclave/engine-node";
import { withKernels } from "@conclave/engine-wasm";
import { defaultFeePolicy, networks, NO_SPENDING_LIMITS, type Wallet } from "@conclave/bitcoin";
import { defaultThreshold, rosterHash, type NodeId, type Roster } from "@conclave/consensus";
import { secp256k1Group, type Engine } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { dkls23Scheme, edgeCodec } from "@conclave/dkls23";
import { dealEdges } from "@conclave/dkls23/testing";
import { taprootScheme } from "@conclave/frost";
import { keyId, keyShareCodec, validateShare, type KeyShare, type Purpose, type Valid } from "@conclave/keys";
import { dealShares } from "@conclave/keys/testing";
import { assert, fromHex, toHex, type Rng } from "@conclave/bytes";
import {
  createIdentity,
  Custody,
  rosterEntry,
  type CustodyEvent,
  type CustodySettings,
  type Identity,
  type SigningScheme,
} from "../index.ts";
import { EnvelopeReader, sealEnvelope, type Envelope, type HeaderFields } from "../envelope.ts";
import { lockRecordCodec } from "../locks/index.ts";
import { crashable, Killed, type Crash, type WritePlan } from "./crash.ts";
import { memoryJournal, type JournalDisk } from "./memory-journal.ts";
import { memoryVault, type VaultDisk } from "./memory-vault.ts";

/** With the kernels, as in the application, or with `CONCLAVE_NO_WASM=1` without, where a setup takes seconds. */
const kernels = process.env["CONCLAVE_NO_WASM"] === "1" ? nodeEngine : withKernels(nodeEngine);

/** Taproot by FROST, as the application hands it to custody. */
export const taproot = taprootScheme(kernels) as SigningScheme;

/** DKLS23, likewise. */
export const ecdsa = dkls23Scheme(kernels) as SigningScheme;

/** Bytes on their way. */
export interface Frame {
  readonly from: number;
  readonly to: number;
  readonly wire: Uint8Array;
}

/** What arrives instead of a frame: nothing, another one, several. */
export type Route = (frame: Frame, envelope: Envelope) => readonly Frame[];

export interface ClusterOptions {
  readonly n?: number;
  readonly t?: number;
  readonly q?: number;
  readonly seed?: string;
  /** False: no wallet key yet. Default: every node holds an active share of one. */
  readonly withKey?: boolean;
  /** Of the fixture key. Default: payments on regtest. */
  readonly purpose?: Purpose;
  /** The fixture key signs by DKLS23, and every pair has its edge. Default: Taproot by FROST. */
  readonly ecdsa?: boolean;
  readonly settings?: Partial<Omit<CustodySettings, "roster">>;
  /** Default: `taproot`, or `ecdsa`, for every party. */
  readonly schemeOf?: (party: number) => SigningScheme;
  /** Beside it, for every party. */
  readonly moreSchemes?: readonly SigningScheme[];
  readonly engine?: Engine;
}

export interface ClusterNode {
  readonly identity: Identity;
  readonly journalDisk: JournalDisk;
  readonly vaultDisk: VaultDisk;
  /** Everything that its host was told, over all its starts. */
  readonly events: CustodyEvent[];
  custody: Custody;
  alive: boolean;
  starts: number;
  /** Writes since the last start, and at which of them the process dies. */
  readonly writes: WritePlan;
}

export class Cluster {
  readonly roster: Roster;
  readonly rosterHash: Uint8Array;
  readonly settings: CustodySettings;
  readonly reader: EnvelopeReader;
  readonly nodes: readonly ClusterNode[];
  /** The wallet's shares, by party: of the fixture key, or adopted from a key generation. */
  shares: readonly Valid<KeyShare>[];
  /** Every frame that was sent, before any route touched it. */
  readonly sent: Frame[] = [];
  nowMs = 1;
  route: Route | null = null;
  readonly #options: ClusterOptions;
  #queue: Frame[] = [];

  constructor(options: ClusterOptions = {}) {
    const { n = 5, seed = "cluster", withKey = true } = options;
    const { t = defaultThreshold(n), q = t } = options;
    this.#options = options;
    const disks = Array.from({ length: n }, () => ({
      journalDisk: { records: [], holder: Symbol("nobody") } as JournalDisk,
      vaultDisk: { records: new Map(), holder: Symbol("nobody") } as VaultDisk,
    }));
    const identities = disks.map(({ vaultDisk }, i) =>
      createIdentity(nodeEngine, memoryVault(vaultDisk), seededRng(`${seed}/identity/${i}`)),
    );
    const nodes = identities.map((identity, i) => rosterEntry(identity, `node${String(i + 1).padStart(2, "0")}`));
    this.roster = { cluster: "local", version: 1, nodes };
    this.rosterHash = rosterHash(this.roster);
    const policy = { fees: defaultFeePolicy.regtest, maxInputs: 20, minConfirmations: 1, maxLocktimeAhead: 10 };
    this.settings = {
      network: "regtest",
      threshold: t,
      quorum: q,
      policy,
      burialDepth: 3,
      rawDigests: false,
      presigning: true,
      spending: NO_SPENDING_LIMITS,
      minorityVotes: "record",
      ...options.settings,
      roster: this.roster,
    };
    this.reader = new EnvelopeReader(nodeEngine, this.roster, this.rosterHash);
    this.shares = withKey
      ? dealShares(secp256k1Group, {
          n,
          t,
          quorum: q,
          purpose: options.purpose ?? "wallet/regtest",
          ...(options.ecdsa === true ? { scheme: "dkls23-secp256k1" as const } : {}),
          nodes: identities.map(({ id }) => fromHex(id)),
          rng: seededRng(`${seed}/key`),
        })
      : [];
    for (const [i, share] of this.shares.entries()) installShare(disks[i]!, share);
    if (options.ecdsa === true) installEdges(disks, this.shares, seededRng(`${seed}/edges`));
    this.nodes = disks.map((disk, i) => {
      const writes = { count: 0, crash: null, failVault: false };
      const custody = this.#build({ ...disk, writes }, i + 1, `${seed}/node/${i + 1}`);
      return { ...disk, identity: identities[i]!, events: [], custody, alive: true, starts: 0, writes };
    });
  }

  #build(
    { journalDisk, vaultDisk, writes }: Pick<ClusterNode, "journalDisk" | "vaultDisk" | "writes">,
    party: number,
    seed: string,
  ): Custody {
    const { journal, vault } = crashable(memoryJournal(journalDisk), memoryVault(vaultDisk), writes);
    const isEcdsa = this.#options.ecdsa === true;
    const { schemeOf = () => (isEcdsa ? ecdsa : taproot), engine = kernels } = this.#options;
    const schemes = [schemeOf(party), ...(this.#options.moreSchemes ?? [])];
    return new Custody({ engine, vault, journal, rng: seededRng(seed), schemes, settings: this.settings });
  }

  /** The id of the wallet's key. */
  get key(): Uint8Array {
    const [share] = this.shares;
    assert(share !== undefined, "this cluster has a key");
    return keyId(secp256k1Group, share.record);
  }

  get wallet(): Wallet {
    const { publicKey, chainCode } = this.shares[0]!.record;
    return {
      network: networks.regtest,
      scriptType: this.shares[0]!.record.scheme === "dkls23-secp256k1" ? "p2wpkh" : "p2tr",
      publicKey: secp256k1Group.encode(publicKey),
      chainCode,
    };
  }

  /** Take a key that the nodes made themselves for the wallet: the one with this id (hexadecimal), or the only one. */
  adoptKey(key = ""): void {
    this.shares = this.nodes.map(({ vaultDisk }) => {
      const [, bytes] = [...vaultDisk.records].find(([name]) => name.startsWith(`share/${key.slice(0, 32)}`)) ?? [];
      assert(bytes !== undefined, "every node holds a share");
      return validateShare(secp256k1Group, keyShareCodec(secp256k1Group).decode(bytes));
    });
  }

  /** Party numbers, ascending. */
  get all(): readonly number[] {
    return this.nodes.map((_, i) => i + 1);
  }

  node(party: number): ClusterNode {
    const node = this.nodes[party - 1];
    assert(node !== undefined, `party ${party} is in the cluster`);
    return node;
  }

  idOf(party: number): NodeId {
    return this.node(party).identity.id;
  }

  partyOf(id: NodeId): number {
    return this.nodes.findIndex(({ identity }) => identity.id === id) + 1;
  }

  /** Start everybody and let peers confirm the journals. */
  start(): this {
    for (const party of this.all) this.do(party, (custody, nowMs) => custody.start(nowMs, []));
    this.pump();
    return this;
  }

  /** One call on one node's custody. A node that dies in it says nothing. */
  do(party: number, call: (custody: Custody, nowMs: number) => readonly CustodyEvent[]): readonly CustodyEvent[] {
    const node = this.node(party);
    if (!node.alive) return [];
    try {
      const events = call(node.custody, this.nowMs);
      node.events.push(...events);
      for (const event of events) if (event.kind === "send") this.#send(party, event.to, event.wire);
      return events;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      node.alive = false;
      return [];
    }
  }

  #send(from: number, to: readonly NodeId[], wire: Uint8Array): void {
    for (const id of to) {
      const frame = { from, to: this.partyOf(id), wire };
      this.sent.push(frame);
      this.#queue.push(...(this.route?.(frame, this.reader.open(wire)) ?? [frame]));
    }
  }

  /** Put bytes on their way, whoever made them. */
  inject(...frames: readonly Frame[]): void {
    this.#queue.push(...frames);
  }

  /** Deliver until nothing is under way, in the order of sending or as `pick` chooses among `waiting` frames. */
  pump(pick: (waiting: number) => number = () => 0): void {
    while (this.#queue.length > 0) {
      const [frame] = this.#queue.splice(pick(this.#queue.length), 1);
      this.do(frame!.to, (custody, nowMs) => custody.receive(nowMs, frame!.wire));
    }
  }

  /** Deliver one wire now and answer what the receiver said. */
  deliver(to: number, wire: Uint8Array): readonly CustodyEvent[] {
    return this.do(to, (custody, nowMs) => custody.receive(nowMs, wire));
  }

  /** An envelope that a party signs, whatever it says. */
  forge(party: number, fields: HeaderFields, body: Uint8Array): Uint8Array {
    return sealEnvelope(this.node(party).identity, this.rosterHash, fields, body).wire;
  }

  /** Let the process die at its n-th write from now. */
  crashAt(party: number, crash: Crash): void {
    const { writes } = this.node(party);
    writes.crash = crash;
    writes.count = 0;
  }

  /** Another process opens the journal: this one's appends fail from now on. */
  stealDisk(party: number): void {
    this.node(party).journalDisk.holder = Symbol("another process");
  }

  /** The vault's next write fails. */
  failVault(party: number): void {
    this.node(party).writes.failVault = true;
  }

  /** End the process, silently. */
  kill(party: number): void {
    this.node(party).alive = false;
  }

  /** A new process on the same disks. Gives back what its host kept: statements of peers, proposals, votes, abandons. */
  restart(
    party: number,
    { recall = true, statements = this.events(party, "witnessed").map(({ wire }) => wire) } = {},
  ): readonly CustodyEvent[] {
    const node = this.node(party);
    node.starts += 1;
    node.writes.crash = null;
    node.writes.count = 0;
    node.custody = this.#build(node, party, `${this.#options.seed ?? "cluster"}/node/${party}/start/${node.starts}`);
    node.alive = true;
    const kept = {
      proposals: this.events(party, "proposed").map(({ proposal }) => proposal),
      votes: this.events(party, "voted").map(({ vote }) => vote),
      abandons: this.events(party, "abandoned").map(({ wire }) => wire),
    };
    const events = [...this.do(party, (custody, nowMs) => custody.start(nowMs, statements))];
    if (recall) events.push(...this.do(party, (custody, nowMs) => custody.recall(nowMs, kept)));
    return events;
  }

  /** What a node's host was told, of one kind. */
  events<K extends CustodyEvent["kind"]>(party: number, kind: K): Extract<CustodyEvent, { kind: K }>[] {
    return this.node(party).events.filter((event): event is Extract<CustodyEvent, { kind: K }> => event.kind === kind);
  }

  /** Everything that one node dropped, in words. */
  dropped(party: number): readonly string[] {
    return this.events(party, "dropped").map(({ reason }) => reason);
  }
}

/** The ends of every edge, each on its owner's disk. */
function installEdges(
  disks: readonly { readonly vaultDisk: VaultDisk }[],
  shares: readonly Valid<KeyShare>[],
  rng: Rng,
): void {
  const edges = dealEdges(
    shares.map(({ self }) => self),
    { rng },
  );
  for (const [i, { record, self }] of shares.entries()) {
    const key = toHex(keyId(secp256k1Group, record)).slice(0, 32);
    for (const [peer, edge] of edges.get(self)!)
      memoryVault(disks[i]!.vaultDisk).put(`edge/${key}/${peer}`, edgeCodec.encode(edge));
  }
}

/** The share on disk, and the promise that makes it active. */
function installShare(
  { journalDisk, vaultDisk }: { journalDisk: JournalDisk; vaultDisk: VaultDisk },
  share: Valid<KeyShare>,
): void {
  const { certificate, epoch } = share.record;
  const key = keyId(secp256k1Group, share.record);
  const record = { kind: "certificate" as const, key, epoch, transcript: certificate, state: "active" as const };
  memoryJournal(journalDisk).append([lockRecordCodec.encode(record)]);
  const name = `share/${toHex(key).slice(0, 32)}/${toHex(certificate).slice(0, 32)}`;
  memoryVault(vaultDisk).put(name, keyShareCodec(secp256k1Group).encode(share));
}
