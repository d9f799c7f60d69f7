import { statsJson, statusJson, transactionJson } from "./esplora-json.ts";
import type { Sighting } from "./esplora-view.ts";
import { scriptHash } from "./hash.ts";
import { get, hashParam, HttpError, type Route, type RouteContext } from "./router.ts";
import { AddressInvalid, scriptOfAddress } from "./scripts.ts";

/** Esplora lists this many confirmed transactions per page, and at most that many waiting ones. */
const CONFIRMED_PER_PAGE = 25;
const WAITING_SHOWN = 50;

type Scope = "address" | "scripthash";

function scopeHash({ param }: RouteContext, scope: Scope): string {
  const text = param("id");
  if (scope === "scripthash") {
    if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new HttpError(400, "Invalid hex string");
    if (text.length !== 64) throw new HttpError(400, "Invalid scripthash");
    return text.toLowerCase();
  }
  try {
    return scriptHash(scriptOfAddress(text));
  } catch (cause) {
    if (cause instanceof AddressInvalid) throw new HttpError(400, cause.message);
    throw cause;
  }
}

function summary(context: RouteContext, scope: Scope): object {
  const { confirmed, waiting } = context.view.stats(scopeHash(context, scope));
  return { [scope]: context.param("id"), chain_stats: statsJson(confirmed), mempool_stats: statsJson(waiting) };
}

const toJson = ({ sats }: RouteContext, page: readonly Sighting[]): readonly object[] =>
  page.map((sighting) => transactionJson(sighting, sats));

function firstPage(context: RouteContext, scope: Scope): readonly object[] {
  const { waiting, confirmed } = context.view.history(scopeHash(context, scope));
  return toJson(context, [...waiting.slice(0, WAITING_SHOWN), ...confirmed.slice(0, pageSize(context))]);
}

function confirmedPage(context: RouteContext, scope: Scope, lastSeen: string | null): readonly object[] {
  const { confirmed } = context.view.history(scopeHash(context, scope));
  if (lastSeen === null) return toJson(context, confirmed.slice(0, pageSize(context)));
  if (context.regtest.faults.current.shortPages !== null) return [];
  const at = confirmed.findIndex(({ entry }) => entry.txid === lastSeen);
  // A txid that left the history gives an empty page, not an error: the trap every client must know.
  return at < 0 ? [] : toJson(context, confirmed.slice(at + 1, at + 1 + pageSize(context)));
}

const pageSize = ({ regtest }: RouteContext): number => regtest.faults.current.shortPages ?? CONFIRMED_PER_PAGE;

function waitingPage(context: RouteContext, scope: Scope): readonly object[] {
  return toJson(context, context.view.history(scopeHash(context, scope)).waiting.slice(0, WAITING_SHOWN));
}

function unspent(context: RouteContext, scope: Scope): readonly object[] {
  return context.view.unspent(scopeHash(context, scope)).map(({ entry, vout, block }) => ({
    txid: entry.txid,
    vout,
    status: statusJson(block),
    value: context.sats(entry.tx.outs[vout]!.value),
  }));
}

const routesOf = (scope: Scope): readonly Route[] => [
  get(`/${scope}/:id`, (context) => summary(context, scope)),
  get(`/${scope}/:id/txs`, (context) => firstPage(context, scope)),
  get(`/${scope}/:id/txs/chain`, (context) => confirmedPage(context, scope, null)),
  get(`/${scope}/:id/txs/chain/:last`, (context) => confirmedPage(context, scope, hashParam(context.param("last")))),
  get(`/${scope}/:id/txs/mempool`, (context) => waitingPage(context, scope)),
  get(`/${scope}/:id/utxo`, (context) => unspent(context, scope)),
];

export const scriptRoutes: readonly Route[] = [...routesOf("address"), ...routesOf("scripthash")];
