import { SHORTEST_TXID, TRANSACTION_STATES, type Transaction, type TransactionState } from "@conclave/api";
import { printSats } from "../amount.ts";
import { openReader } from "../connection.ts";
import type { Action } from "../context.ts";
import { EXIT, usageError } from "../exit.ts";
import { cell, renderList, renderTable, type Cell, type Look, type Tone } from "../output.ts";

const TONES: { readonly [S in TransactionState]: Tone } = {
  pending: "neutral",
  voting: "active",
  approved: "active",
  rejected: "bad",
  signing: "active",
  signed: "active",
  broadcasting: "active",
  confirmed: "good",
  unresolved: "attention",
  replaced: "neutral",
  failed: "bad",
  aborted_byzantine: "bad",
  aborted_timeout: "bad",
};

const stateCell = (state: TransactionState): Cell => cell(state, TONES[state]);

/** One payment as a list; absent values are left out. */
export function renderTransaction(payment: Transaction, look: Look): string {
  const { votes, fee_sats, fee_rate, confirmed_at, bitcoin_txid, metadata, reason, signers, waits_for } = payment;
  const entries: (readonly [string, Cell | undefined])[] = [
    ["Payment", cell(payment.txid)],
    ["State", stateCell(payment.state)],
    ["Reason", reason === null ? undefined : cell(reason, "attention")],
    ...payment.failed_attempts.map((told) => ["Failed", cell(told)] as const),
    ["From", payment.account === null ? undefined : cell(payment.account)],
    ["To", cell(payment.recipient)],
    ["Amount", cell(printSats(payment.amount_sats))],
    ["Fee", fee_sats === null ? undefined : cell(printSats(fee_sats))],
    ["Fee rate", fee_rate === null ? undefined : cell(`${fee_rate} sat/vB`)],
    ["Note", metadata === null ? undefined : cell(metadata)],
    ["Votes", cell(`${votes.approve} yes, ${votes.reject} no (${votes.required} needed)`)],
    ["Waits for", waits_for.length === 0 ? undefined : cell(`approval on ${waits_for.join(", ")}`, "attention")],
    ["Signers", signers.length === 0 ? undefined : cell(signers.join(", "))],
    ["Bitcoin id", bitcoin_txid === null ? undefined : cell(bitcoin_txid)],
    ["Confirmations", bitcoin_txid === null ? undefined : cell(payment.confirmations)],
    ["Created", cell(payment.created_at)],
    ["Confirmed", confirmed_at === null ? undefined : cell(confirmed_at)],
  ];
  return renderList(
    entries.filter((entry): entry is readonly [string, Cell] => entry[1] !== undefined),
    look,
  );
}

/** An id, or the beginning of one. Throws `CliError` (usage). */
export function parseTxid(typed = ""): string {
  const txid = typed.toLowerCase();
  if (/^[0-9a-f]+$/.test(txid) && txid.length >= SHORTEST_TXID && txid.length <= 64) return txid;
  throw usageError(
    `"${typed}" is not the id of a payment: 64 hexadecimal digits, as "conclave tx list" shows, or the first ${SHORTEST_TXID} or more of them.`,
  );
}

/** `tx status <txid>`. */
export const showTransaction: Action = async ({ settings, out }, _options, txid = "") => {
  const payment = await openReader(settings).transaction({ txid: parseTxid(txid) });
  out.result(payment, (look) => renderTransaction(payment, look));
  return EXIT.ok;
};

interface ListOptions {
  readonly limit: string;
  readonly cursor?: string;
  readonly state?: string;
}

/** `tx list`. */
export const listTransactions: Action<ListOptions> = async ({ settings, out }, options) => {
  const { cursor, state } = options;
  const limit = Number(options.limit);
  if (!/^\d{1,3}$/.test(options.limit) || limit < 1 || limit > 100)
    throw usageError("--limit is a whole number from 1 to 100.");
  const page = await openReader(settings).transactions({
    limit,
    ...(cursor === undefined ? {} : { cursor }),
    ...(state === undefined ? {} : { state: parseState(state) }),
  });
  out.result(page, (look) => {
    if (page.items.length === 0) return "No payments.";
    const rows = page.items.map((payment) => [
      cell(payment.txid),
      stateCell(payment.state),
      cell(payment.amount_sats),
      cell(payment.recipient),
      cell(payment.created_at),
    ]);
    const table = renderTable(["Payment", "State", "Satoshis", "To", "Created"], rows, look);
    return page.next_cursor === null ? table : `${table}\n\nMore: --cursor ${page.next_cursor}`;
  });
  return EXIT.ok;
};

function parseState(typed: string): TransactionState {
  const state = TRANSACTION_STATES.find((state) => state === typed);
  if (state === undefined) throw usageError(`"${typed}" is no state: there are ${TRANSACTION_STATES.join(", ")}.`);
  return state;
}
