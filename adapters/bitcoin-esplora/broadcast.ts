import { ChainRefused } from "./chain.ts";

/** Bitcoin Core: the transaction is in a block already. */
const ALREADY_IN_CHAIN = -27;
const ALREADY_IN_MEMPOOL =
  /^(?:txn-already-in-mempool|txn-already-known|transaction already in (?:mempool|block chain))/i;
/** Kept of what a server says; enough for every text of Core's. */
const MAX_RAW = 1_000;

/**
 * A refused broadcast in one of the shapes servers use: `sendrawtransaction RPC error: {"code":-26,"message":"…"}`,
 * `sendrawtransaction RPC error -26: …`, or a bare text. Null if the refusal only says that the network has it already.
 */
export function parseBroadcastRefusal(text: string): ChainRefused | null {
  const raw = text.trim().slice(0, MAX_RAW);
  const { code, message } = parseRpcError(raw) ?? { code: null, message: raw === "" ? "no reason given" : raw };
  if (code === ALREADY_IN_CHAIN || ALREADY_IN_MEMPOOL.test(message)) return null;
  return new ChainRefused({ code, message, raw });
}

function parseRpcError(raw: string): { code: number; message: string } | null {
  const match = /^sendrawtransaction RPC error(?:: (\{.*\})| (-?\d{1,6}): (.*))$/s.exec(raw);
  if (match === null) return null;
  const [, json, code, message] = match;
  return json === undefined ? { code: Number(code), message: message! } : parseRpcJson(json);
}

function parseRpcJson(json: string): { code: number; message: string } | null {
  try {
    const { code, message } = JSON.parse(json) as { code?: unknown; message?: unknown };
    return Number.isSafeInteger(code) && typeof message === "string" ? { code: code as number, message } : null;
  } catch {
    return null; // shortened or malformed: the raw text has to do
  }
}
