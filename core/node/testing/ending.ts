/** How a life has to end: once nothing goes wrong any more, every request is over and honest nodes agree. */
import { toHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { RequestId } from "../store/ids.ts";
import type { SimulatedChain } from "./chain.ts";
import type { Client } from "./clients.ts";
import type { Machine } from "./machine.ts";
import type { Scenario } from "./scenario.ts";
import type { Suspicion } from "./suspicion.ts";
import type { Truth } from "./truth.ts";

/** Where a payment's story ends. */
const OVER: ReadonlySet<string> = new Set([
  "confirmed",
  "rejected",
  "failed",
  "aborted_timeout",
  "aborted_byzantine",
  // Nobody can say whether it will be paid, and its coins stay locked: the visible halt.
  "unresolved",
]);

export interface Ending {
  readonly scenario: Scenario;
  readonly machines: readonly Machine[];
  readonly chain: SimulatedChain;
  readonly truth: Truth;
  readonly clients: readonly Client[];
  readonly suspicion: Suspicion;
  readonly nameOf: (node: NodeId) => string;
}

const short = (id: string): string => id.slice(0, 8);

/** Whatever is not as it should be; empty once a life is over. */
export async function unfinished(ending: Ending): Promise<readonly string[]> {
  const { scenario, machines, truth } = ending;
  const honest = machines.filter(({ self }) => truth.honest.has(self));
  const found: string[] = [...unanswered(ending)];
  for (const machine of honest) {
    for (const what of [...(await openRequests(ending, machine)), ...(await deniedPayments(ending, machine))])
      found.push(`${ending.nameOf(machine.self)} ${what}`);
    for (const what of [...(await openLocks(machine)), ...(await unpunished(ending, machine))])
      found.push(`${ending.nameOf(machine.self)} ${what}`);
  }
  if (new Set(honest.map((machine) => bannedBy(machine).join())).size > 1)
    found.push("honest nodes disagree about bans");
  if (scenario.keygen) found.push(...walletsApart(machines));
  if (scenario.scheme === "dkls23-secp256k1") found.push(...lostEdges(ending, honest));
  return found;
}

/** Clients of the liar have to take what they get. */
const served = ({ scenario, clients }: Ending): readonly Client[] =>
  clients.filter(({ wish }) => wish.node !== scenario.liar?.node);

const unanswered = (ending: Ending): readonly string[] =>
  served(ending).flatMap(({ wish, answers, refused }) => {
    if (answers.size === 0 && refused === null) return [`the client of ${wish.name} has no answer`];
    return answers.size > 1 ? [`${wish.name} became ${answers.size} requests`] : [];
  });

async function openRequests(ending: Ending, { store }: Machine): Promise<readonly string[]> {
  const found: string[] = [];
  for (const id of served(ending).flatMap(({ answers }) => [...answers])) {
    const row = await store.transactions.get(id);
    if (row === undefined) found.push(`does not know ${short(id)}`);
    else if (row.state === "voting" && mayWait(ending)) continue;
    else if (!OVER.has(row.state)) found.push(`has ${short(id)} in ${row.state} (${row.reason})`);
  }
  return found;
}

/** Votes stay open until they expire, a day later, if they lack the one of a node that says nothing. */
const mayWait = ({ scenario }: Ending): boolean => scenario.liar?.lies.includes("withholds messages") === true;

/** No node may deny a payment that is on the chain, nor claim one that is not. */
async function deniedPayments({ chain, truth }: Ending, { store }: Machine): Promise<readonly string[]> {
  const found: string[] = [];
  for (const request of chain.standing().flatMap((txid) => truth.proposed.get(txid)?.request ?? [])) {
    const row = await store.transactions.get(request as RequestId);
    if (row !== undefined && row.state !== "confirmed") found.push(`shows the paid ${short(request)} as ${row.state}`);
  }
  const { rows } = await store.transactions.list({ limit: 100, states: ["confirmed"] });
  for (const { txid, bitcoinTxid } of rows)
    if (bitcoinTxid === null || chain.depth(bitcoinTxid) === 0)
      found.push(`shows the unpaid ${short(txid)} as confirmed`);
  return found;
}

async function openLocks({ custody, store }: Machine): Promise<readonly string[]> {
  if (custody === null) return ["is down"];
  const { ready, sealed } = custody.status();
  const found = ready ? [] : [`is not ready: ${sealed ?? "its peers have not confirmed its journal"}`];
  for (const id of custody.unresolved()) {
    // A message that was signed holds no coins, and no chain will ever settle it.
    if ((await store.messages.get(id as RequestId)) !== undefined) continue;
    const row = await store.transactions.get(id as RequestId);
    if (row?.state !== "unresolved") found.push(`holds locks of ${short(id)} in ${row?.state}`);
  }
  return found;
}

const bannedBy = ({ custody }: Machine): readonly NodeId[] => custody?.status().bans.map(({ node }) => node) ?? [];

async function unpunished({ suspicion, nameOf }: Ending, machine: Machine): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { against, request } of suspicion.of(machine.self)) {
    if (bannedBy(machine).includes(against)) continue;
    if (request !== null && (await machine.store.requests.get(request as RequestId)) === undefined) continue;
    found.push(`heard ${nameOf(against)} contradict itself and did not ban it`);
  }
  return found;
}

function walletsApart(machines: readonly Machine[]): readonly string[] {
  const wallets = machines.map(({ node }) => {
    const [wallet] = node?.accounts ?? [];
    return wallet === undefined ? "none" : toHex(wallet.keyId);
  });
  const same = new Set(wallets).size === 1 && !wallets.includes("none");
  return same ? [] : [`wallets: ${wallets.map(short).join(", ")}`];
}

/** Every two honest nodes still hold the edge between them, whatever a third one did or said. */
function lostEdges({ machines, nameOf }: Ending, honest: readonly Machine[]): readonly string[] {
  return honest.flatMap((machine) =>
    honest.flatMap((peer) => {
      const held = machine.holdings.some((name) => name.startsWith("edge/") && name.endsWith(endOf(machines, peer)));
      return peer === machine || held ? [] : [`${nameOf(machine.self)} lost its edge to ${nameOf(peer.self)}`];
    }),
  );
}

/** Parties are numbered in the order of the roster, from 1. */
const endOf = (machines: readonly Machine[], peer: Machine): string => `/${machines.indexOf(peer) + 1}`;

/** Requests by how they ended on the node that took them in. */
export async function endingsOf({ clients, machines }: Ending): Promise<ReadonlyMap<string, number>> {
  const endings = new Map<string, number>();
  for (const { wish, answers, refused } of clients) {
    const [id] = answers;
    const row = id === undefined ? undefined : await machines[wish.node]!.store.transactions.get(id);
    const ending = row?.state ?? (refused === null ? "unanswered" : "refused");
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
  }
  return endings;
}
