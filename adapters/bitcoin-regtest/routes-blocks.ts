import type { ChainBlock } from "./chain.ts";
import { blockJson, transactionJson } from "./esplora-json.ts";
import { toHex } from "./hash.ts";
import { get, hashParam, HttpError, numberParam, type Route, type RouteContext } from "./router.ts";

const BLOCKS_PER_PAGE = 10;
const TRANSACTIONS_PER_PAGE = 25;

const found = (block: ChainBlock | undefined): ChainBlock => {
  if (block === undefined) throw new HttpError(404, "Block not found");
  return block;
};

const blockOf = ({ view, param }: RouteContext): ChainBlock => found(view.blockByHash(hashParam(param("hash"))));

function newestBlocks({ view }: RouteContext, from: number): readonly object[] {
  found(view.blockAt(from));
  const heights = Array.from({ length: Math.min(BLOCKS_PER_PAGE, from + 1) }, (_, i) => from - i);
  return heights.map((height) => blockJson(found(view.blockAt(height)), view));
}

function pageOfTransactions(context: RouteContext, start: number): readonly object[] {
  const block = blockOf(context);
  if (start >= block.entries.length) throw new HttpError(404, "start index out of range");
  if (start % TRANSACTIONS_PER_PAGE !== 0) {
    throw new HttpError(400, `start index must be a multipication of ${TRANSACTIONS_PER_PAGE}`);
  }
  const page = block.entries.slice(start, start + TRANSACTIONS_PER_PAGE);
  return page.map((entry) => transactionJson({ entry, block }, context.sats));
}

function blockStatus({ view, param }: RouteContext): object {
  const block = view.blockByHash(hashParam(param("hash")));
  if (block === undefined) return { in_best_chain: false, height: null, next_best: null };
  return { in_best_chain: true, height: block.height, next_best: view.blockAt(block.height + 1)?.hash ?? null };
}

export const blockRoutes: readonly Route[] = [
  get("/blocks/tip/height", ({ view }) => String(view.height)),
  get("/blocks/tip/hash", ({ view }) => view.tip.hash),
  get("/blocks", (context) => newestBlocks(context, context.view.height)),
  get("/blocks/:start", (context) => newestBlocks(context, numberParam(context.param("start")))),
  get("/block-height/:height", ({ view, param }) => found(view.blockAt(numberParam(param("height")))).hash),
  get("/block/:hash", (context) => blockJson(blockOf(context), context.view)),
  get("/block/:hash/header", (context) => toHex(blockOf(context).block.toBuffer(true))),
  get("/block/:hash/raw", (context) => blockOf(context).block.toBuffer()),
  get("/block/:hash/status", blockStatus),
  get("/block/:hash/txids", (context) => blockOf(context).entries.map(({ txid }) => txid)),
  get("/block/:hash/txid/:index", (context) => {
    const entry = blockOf(context).entries[numberParam(context.param("index"))];
    if (entry === undefined) throw new HttpError(404, "tx index out of range");
    return entry.txid;
  }),
  get("/block/:hash/txs", (context) => pageOfTransactions(context, 0)),
  get("/block/:hash/txs/:start", (context) => pageOfTransactions(context, numberParam(context.param("start")))),
];
