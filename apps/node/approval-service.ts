/** Approval by hand, as the HTTP API shows it. */
import { MAX_APPROVALS, type NodeService, type Transaction } from "@conclave/api";
import { printFeeRate } from "@conclave/bitcoin";
import { toHex, utf8Decode } from "@conclave/bytes";
import { parseRequestId, type PendingApproval, type StoredTransaction } from "@conclave/node";
import { iso, type Names, type ServiceParts } from "./service-answers.ts";
import { translated } from "./service-problems.ts";

type ApprovalService = Pick<NodeService, "approvals" | "approveTransaction" | "rejectTransaction">;

/** The part of the service that operators decide through. */
export function approvalService(
  { node, store, self }: ServiceParts,
  { nodeName }: Names,
  show: (row: StoredTransaction) => Promise<Transaction>,
): ApprovalService {
  const approvalOf = ({ row, request, label, view, nodes, expiresAtMs }: PendingApproval) => ({
    txid: row.txid,
    account: node.accounts.find(({ keyId }) => toHex(keyId) === toHex(request.wallet))?.account ?? null,
    recipient: request.payment.recipient,
    label,
    amount_sats: Number(request.payment.amount),
    fee_sats: view === null ? null : Number(view.fee),
    fee_rate: Number(printFeeRate(request.payment.feeRate)),
    metadata: request.payment.metadata === null ? null : utf8Decode(request.payment.metadata),
    bitcoin_txid: view === null ? null : view.txid,
    waits_for: nodes.map(nodeName),
    here: nodes.includes(self),
    created_at: iso(row.createdAtMs),
    expires_at: iso(expiresAtMs),
  });
  const decide = (txid: string, approved: boolean, reason: string, maxFee: bigint | null): Promise<Transaction> =>
    translated(async () => {
      const id = parseRequestId(txid);
      await node.approvals.decide(id, { approved, maxFee, reason });
      return show((await store.transactions.get(id))!);
    });

  return {
    async approvals() {
      const pending = await node.approvals.list();
      return { items: pending.slice(0, MAX_APPROVALS).map(approvalOf), next_cursor: null };
    },

    approveTransaction: ({ txid, body: { reason = "", max_fee_sats: maxFee } }) =>
      decide(txid, true, reason, maxFee === undefined ? null : BigInt(maxFee)),

    rejectTransaction: ({ txid, body: { reason } }) => decide(txid, false, reason, null),
  };
}
