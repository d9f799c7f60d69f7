import type { ChainBlock } from "./chain.ts";
import { outspendJson, statusJson, transactionJson } from "./esplora-json.ts";
import type { Sighting } from "./esplora-view.ts";
import { displayHash, toHex } from "./hash.ts";
import { merkleBranch, partialMerkleTree } from "./merkle.ts";
import { Rejected, RPC_REFUSED } from "./rejected.ts";
import { get, hashParam, HttpError, numberParam, post, type Route, type RouteContext } from "./router.ts";
import { decodeTransaction } from "./admission.ts";

function transactionOf({ view, param }: RouteContext): Sighting {
  const sighting = view.transaction(hashParam(param("txid")));
  if (sighting === undefined) throw new HttpError(404, "Transaction not found");
  return sighting;
}

function confirmedPosition(context: RouteContext): { block: ChainBlock; txids: readonly string[]; position: number } {
  const sighting = context.view.transaction(hashParam(context.param("txid")));
  const block = sighting?.block ?? null;
  if (sighting === undefined || block === null) {
    throw new HttpError(404, "Transaction not found or is unconfirmed");
  }
  const txids = block.entries.map(({ txid }) => txid);
  return { block, txids, position: txids.indexOf(sighting.entry.txid) };
}

function merkleProof(context: RouteContext): object {
  const { block, txids, position } = confirmedPosition(context);
  const merkle = merkleBranch(txids, position).map(displayHash);
  return { block_height: block.height, merkle, pos: position };
}

function merkleBlock(context: RouteContext): string {
  const { block, txids, position } = confirmedPosition(context);
  return toHex(block.block.toBuffer(true)) + toHex(partialMerkleTree(txids, position));
}

/** Runs what may refuse a transaction and words the refusal as the server is set to. */
function refusalsAsHttp<T>({ broadcastErrors }: RouteContext, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof Rejected) throw new HttpError(400, broadcastErrorText(cause, broadcastErrors));
    throw cause;
  }
}

/** Takes a transaction, or says that it did: see `Faults.broadcasts`. */
function broadcast(context: RouteContext, rawTx: string): string {
  const { regtest } = context;
  const { broadcasts } = regtest.faults.current;
  return refusalsAsHttp(context, () => {
    const txid = regtest.broadcast(rawTx);
    if (broadcasts === "forget") regtest.dropFromMempool(txid);
    if (broadcasts === "answer-error") throw new Rejected(RPC_REFUSED, "mempool full");
    return txid;
  });
}

function broadcastErrorText({ code, message }: Rejected, format: RouteContext["broadcastErrors"]): string {
  if (format === "text") return `sendrawtransaction RPC error ${code}: ${message}`;
  return `sendrawtransaction RPC error: ${JSON.stringify({ code, message })}`;
}

const MAX_PACKAGE = 25;

/** Takes a package of parents and one child that pays for them (Core's submitpackage). */
function submitPackage(context: RouteContext): object {
  const { regtest, body } = context;
  const results = refusalsAsHttp(context, () => regtest.submitPackage(parsePackage(body)));
  const failed = results.some(({ error }) => error !== null);
  return {
    package_msg: failed ? "transaction failed" : "success",
    "tx-results": Object.fromEntries(
      results.map(({ rawTx, txid, error }) => {
        const tx = decodeTransaction(rawTx);
        const vsize = tx.virtualSize();
        const fee = regtest.mempool.get(txid)?.fee ?? 0n;
        const outcome = error === null ? { vsize, fees: { base: Number(fee) / 1e8 } } : { error };
        return [displayHash(tx.getHash(true)), { txid, ...outcome }];
      }),
    ),
    "replaced-transactions": [],
  };
}

function parsePackage(body: string): readonly string[] {
  const value = parseJson(body);
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new HttpError(400, "Invalid transaction package: a JSON array of hex strings is expected");
  }
  if (value.length === 0 || value.length > MAX_PACKAGE) throw new HttpError(400, "Exceeded maximum of 25 transactions");
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, "Invalid JSON");
  }
}

export const transactionRoutes: readonly Route[] = [
  post("/tx", (context) => broadcast(context, context.body.trim())),
  get("/broadcast", (context) => broadcast(context, context.query.get("tx") ?? "")),
  post("/txs/package", submitPackage),
  get("/tx/:txid", (context) => transactionJson(transactionOf(context), context.sats)),
  get("/tx/:txid/status", ({ view, param }) => statusJson(view.transaction(hashParam(param("txid")))?.block ?? null)),
  get("/tx/:txid/hex", (context) => transactionOf(context).entry.tx.toHex()),
  get("/tx/:txid/raw", (context) => transactionOf(context).entry.tx.toBuffer()),
  get("/tx/:txid/outspend/:vout", ({ view, param }) =>
    outspendJson(view, { txid: hashParam(param("txid")), vout: numberParam(param("vout")) }),
  ),
  get("/tx/:txid/outspends", (context) => {
    const { entry } = transactionOf(context);
    return entry.tx.outs.map((_, vout) => outspendJson(context.view, { txid: entry.txid, vout }));
  }),
  get("/tx/:txid/merkle-proof", merkleProof),
  get("/tx/:txid/merkleblock-proof", merkleBlock),
];
