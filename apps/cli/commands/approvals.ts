/** `tx pending`, `tx approve`, `tx reject`: payments that wait for a person. */
import { MAX_REASON_BYTES, type Client, type DecidedTransaction, type PendingApproval } from "@conclave/api";
import { parseMaxFee, printSats } from "../amount.ts";
import { openReader, openWriter } from "../connection.ts";
import type { Action, Context } from "../context.ts";
import { CliError, EXIT, usageError } from "../exit.ts";
import { cell, renderList, renderTable, type Look } from "../output.ts";
import { visible } from "../table.ts";
import { parseTxid, renderTransaction } from "./transactions.ts";

const WHOLE_DIGITS = 64;

/** `tx pending`. */
export const listPending: Action = async ({ settings, out }) => {
  const page = await openReader(settings).approvals();
  out.result(page, (look) => {
    if (page.items.length === 0) return "No payment waits for an approval.";
    const rows = page.items.map((payment) => [
      cell(payment.txid),
      cell(payment.amount_sats),
      cell(recipientOf(payment)),
      cell(payment.here ? "this node" : "others", payment.here ? "attention" : "neutral"),
      cell(payment.waits_for.join(", ")),
      cell(payment.expires_at),
    ]);
    return renderTable(["Payment", "Satoshis", "To", "Asks", "Waits for", "Expires"], rows, look);
  });
  return EXIT.ok;
};

const recipientOf = ({ label, recipient }: Pick<PendingApproval, "label" | "recipient">): string =>
  label === null ? recipient : `${label} (${recipient})`;

interface DecisionOptions {
  readonly reason?: string;
  readonly maxFee?: string;
  readonly yes?: true;
}

/** `tx approve <txid>`. What is approved is what was shown: with a higher fee the node asks again. */
export const approve: Action<DecisionOptions> = async (context, { reason, maxFee, yes }, typed) => {
  const named = parseTxid(typed);
  // Who can propose payments can make one whose id begins like another's; a person sees what it pays before deciding.
  if (named.length < WHOLE_DIGITS && !asks(context, yes))
    throw usageError("Where nobody is asked, approve takes the whole id: 64 digits, as tx pending prints them.");
  const client = openWriter(context.settings);
  const txid = await wholeTxid(client, named);
  const waiting = (await client.approvals()).items.find((payment) => payment.txid === txid);
  if (waiting !== undefined) await confirm(context, waiting, "Approve this payment?", yes);
  const fee = maxFee === undefined ? waiting?.fee_sats : parseMaxFee(maxFee);
  const body = {
    ...(reason === undefined ? {} : { reason: checkedReason(reason) }),
    ...(fee === undefined || fee === null ? {} : { max_fee_sats: fee }),
  };
  return show(context, await client.approveTransaction({ txid, body }));
};

/** `tx reject <txid>`. */
export const reject: Action<DecisionOptions> = async (context, { reason = "", yes }, typed) => {
  const named = parseTxid(typed);
  if (reason.trim() === "") throw usageError("--reason says why, for this node's record: it must not be empty.");
  const client = openWriter(context.settings);
  const txid = await wholeTxid(client, named);
  const waiting = (await client.approvals()).items.find((payment) => payment.txid === txid);
  if (waiting !== undefined) await confirm(context, waiting, "Reject this payment?", yes);
  return show(context, await client.rejectTransaction({ txid, body: { reason: checkedReason(reason) } }));
};

/** A person decides about one payment: what was typed short is made whole before it is shown and decided. */
const wholeTxid = async (client: Client, named: string): Promise<string> =>
  named.length === WHOLE_DIGITS ? named : (await client.transaction({ txid: named })).txid;

function checkedReason(reason: string): string {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason;
  throw usageError(`--reason is a sentence of at most ${MAX_REASON_BYTES} bytes.`);
}

/** Whether a person is asked before anything is decided. */
const asks = ({ out }: Pick<Context, "out">, yes?: true): boolean => out.interactive && yes !== true;

/** Show what the node read from what would be signed, and ask, where there is somebody to ask. */
async function confirm(
  { out }: Pick<Context, "out">,
  payment: PendingApproval,
  question: string,
  yes?: true,
): Promise<void> {
  if (!asks({ out }, yes)) return;
  process.stderr.write(`${renderPending(payment, { width: Infinity, paint: (_, text) => text })}\n`);
  const { confirm: ask } = await import("@clack/prompts");
  if ((await ask({ message: question, initialValue: false })) !== true)
    throw new CliError(EXIT.failed, "cancelled", "Nothing was decided.");
}

function renderPending(payment: PendingApproval, look: Look): string {
  const { txid, account, amount_sats, fee_sats, fee_rate, metadata, expires_at } = payment;
  const entries = [
    ["Payment", txid],
    ["From", account ?? "an account that this node does not know"],
    ["To", recipientOf(payment)],
    ["Amount", printSats(amount_sats)],
    ["Fee", fee_sats === null ? "not known yet" : `${printSats(fee_sats)}, ${fee_rate} sat/vB`],
    ["Note", metadata === null ? "none" : visible(metadata)],
    ["Bitcoin id", payment.bitcoin_txid ?? "not known yet"],
    ["Expires", expires_at],
  ] as const;
  return renderList(
    entries.map(([name, text]) => [name, cell(text)]),
    look,
  );
}

function show({ out }: Context, payment: DecidedTransaction) {
  out.result(payment, (look) => `${recorded(payment)}\n\n${renderTransaction(payment, look)}`);
  return EXIT.ok;
}

/** `Approved by node1, up to a fee of 284 sat; 2 of 4 votes needed are in.` */
function recorded({ decision: { node, approved, max_fee_sats: fee }, votes }: DecidedTransaction): string {
  const what = approved ? "Approved" : "Rejected";
  const bound = fee === null ? "" : `, up to a fee of ${fee} sat`;
  return `${what} by ${node}${bound}; ${votes.approve} of ${votes.required} votes needed are in${votes.reject === 0 ? "" : `, ${votes.reject} against`}.`;
}
