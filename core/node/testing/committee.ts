/**
 * Committees whose wallet key exists already: made once per process by a real key generation, copied for every life. The edges
 * of a DKLS23 key come from a dealer, because base OTs between all pairs would take seconds.
 */
import { assert } from "@conclave/bytes";
import { defaultFeePolicy, NO_SPENDING_LIMITS } from "@conclave/bitcoin";
import type { NodeId, Roster } from "@conclave/consensus";
import { seededRng } from "@conclave/crypto/testing";
import {
  createIdentity,
  Custody,
  proposalCodec,
  requestId,
  rosterEntry,
  type CustodyEvent,
  type CustodySettings,
  type KeygenRequestBody,
  type SigningScheme,
} from "@conclave/custody";
import { memoryJournal, memoryVault, type JournalDisk, type VaultDisk } from "@conclave/custody/testing";
import { edgeCodec } from "@conclave/dkls23";
import { dealEdges } from "@conclave/dkls23/testing";
import { keygenProtocol, type KeyShare, type Scheme } from "@conclave/keys";
import { parties } from "@conclave/protocol/testing";
import { engine, schemes } from "./engine.ts";

/** n nodes, t of them sign, q of them approve. */
export interface Size {
  readonly n: number;
  readonly t: number;
  readonly q: number;
}

/** What a node has on its disks before a life begins. */
export interface Belongings {
  readonly vault: ReadonlyMap<string, Uint8Array>;
  readonly journal: readonly Uint8Array[];
}

export interface Committee {
  readonly size: Size;
  /** Of the wallet key. */
  readonly scheme: Scheme;
  readonly settings: CustodySettings;
  readonly nodes: readonly NodeId[];
  /** By position in `nodes`, as it is before any key exists, and with an active wallet key. */
  readonly bare: readonly Belongings[];
  readonly keyed: readonly Belongings[];
  /** The active key and its public record. */
  readonly key: { readonly key: Uint8Array; readonly record: Uint8Array };
}

export const CLUSTER = "simulated";
const BURIAL_DEPTH = 3;
const WALLET = "wallet/regtest";

const made = new Map<string, Committee>();

/** The committee of a size, a scheme and a purpose of its key. The same for every caller in this process, and for every process. */
export function committeeOf(
  size: Size,
  scheme: Scheme = "frost-secp256k1-taproot",
  purpose: KeygenRequestBody["purpose"] = WALLET,
): Committee {
  const kind = `${scheme === "frost-secp256k1-taproot" ? "" : `, ${scheme}`}${purpose === WALLET ? "" : `, ${purpose}`}`;
  const name = `${size.t} of ${size.n}, quorum ${size.q}${kind}`;
  const known = made.get(name) ?? makeCommittee(size, scheme, purpose, name);
  made.set(name, known);
  return known;
}

function makeCommittee(size: Size, scheme: Scheme, purpose: KeygenRequestBody["purpose"], name: string): Committee {
  const vaults = Array.from({ length: size.n }, () => memoryVault());
  const identities = vaults.map((vault, i) => createIdentity(engine, vault, seededRng(`${name}/identity/${i}`)));
  const roster: Roster = {
    cluster: CLUSTER,
    version: 1,
    nodes: identities.map((identity, i) => rosterEntry(identity, `node${i + 1}`)),
  };
  const settings: CustodySettings = {
    roster,
    network: "regtest",
    threshold: size.t,
    quorum: size.q,
    rawDigests: false,
    presigning: true,
    spending: NO_SPENDING_LIMITS,
    minorityVotes: "record",
    policy: { fees: defaultFeePolicy.regtest, maxInputs: 20, minConfirmations: 1, maxLocktimeAhead: 20 },
    burialDepth: BURIAL_DEPTH,
  };
  const nodes = identities.map(({ id }) => id);
  const bare = vaults.map((vault) => ({ vault: vault.snapshot(), journal: [] }));
  const journals = vaults.map(() => memoryJournal());
  const quick = schemes.map((each) => withDealtEdges(each, size, name));
  const custodies = vaults.map(
    (vault, i) =>
      new Custody({
        engine,
        vault,
        journal: journals[i]!,
        rng: seededRng(`${name}/custody/${i}`),
        schemes: quick,
        settings,
      }),
  );
  makeKey(custodies, nodes, { ...size, scheme, purpose });
  const keyed = vaults.map((vault, i) => ({ vault: vault.snapshot(), journal: journals[i]!.snapshot() }));
  const [key] = custodies[0]!.status().keys;
  assert(key !== undefined, "the key generation ends with an active key");
  return { size, scheme, settings, nodes, bare, keyed, key };
}

/** The same scheme, whose key generation ends with the edges that one dealer made for all. */
function withDealtEdges(scheme: SigningScheme, { n }: Size, name: string): SigningScheme {
  if (scheme.edges === null) return scheme;
  const committee = parties(...Array.from({ length: n }, (_, i) => i + 1));
  const edges = dealEdges(committee, { rng: seededRng(`${name}/edges`) });
  return {
    ...scheme,
    keygen: keygenProtocol(engine.secp256k1),
    made(result) {
      const share = result as KeyShare;
      const ends = [...edges.get(share.self)!].map(([peer, edge]) => [peer, edgeCodec.encode(edge)] as const);
      return { share, edges: new Map(ends) };
    },
  };
}

/** A key generation in which nothing goes wrong. */
function makeKey(
  custodies: readonly Custody[],
  nodes: readonly NodeId[],
  { n, t, q, scheme, purpose }: Size & Pick<KeygenRequestBody, "scheme" | "purpose">,
): void {
  const queue: { readonly to: NodeId; readonly wire: Uint8Array }[] = [];
  let attempt = "";
  const take = (events: readonly CustodyEvent[]): void => {
    for (const event of events) {
      if (event.kind === "send") for (const to of event.to) queue.push({ to, wire: event.wire });
      if (event.kind === "acked") attempt = event.attemptId;
    }
  };
  const deliver = (): void => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      take(custodies[nodes.indexOf(next.to)]!.receive(0, next.wire));
  };
  const [first] = custodies as [Custody];
  const request: KeygenRequestBody = {
    kind: "keygen",
    cluster: CLUSTER,
    idempotencyKey: "wallet",
    origin: nodes[0]!,
    height: 0,
    expiresHeight: 1_000,
    scheme,
    purpose,
    threshold: t,
    quorum: q,
  };
  for (const custody of custodies) take(custody.start(0, []));
  deliver();
  take(first.propose(0, proposalCodec.encode({ request, revision: null })));
  deliver();
  take(first.open(0, requestId(request), 0, 0, 0));
  deliver();
  take(first.begin(0, attempt, []));
  deliver();
  assert(
    custodies.every((custody) => custody.status().keys.length === 1),
    `all ${n} nodes hold the key`,
  );
}

/** Fresh disks that hold these belongings. */
export const disksOf = ({ vault, journal }: Belongings): { vault: VaultDisk; journal: JournalDisk } => ({
  vault: { records: new Map(vault), holder: Symbol("nobody") },
  journal: { records: [...journal], holder: Symbol("nobody") },
});
