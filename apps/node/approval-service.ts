/** Approval by hand, as the HTTP API shows it. */
import { setTimeout as delay } from "node:timers/promises";
import {
  MAX_APPROVALS,
  ServiceError,
  type DecidedTransaction,
  type NodeService,
  type Transaction,
  type TransactionState,
} from "@conclave/api";
import { printFeeRate } from "@conclave/bitcoin";
import { toHex, utf8Decode } from "@conclave/bytes";
import { parseRequestId, type PendingApproval, type StoredTransaction } from "@conclave/node";
import { iso, type Names, type ServiceParts } from "./service-answers.ts";
import { translated } from "./service-problems.ts";

/** A node votes within a tenth of a second of its operator's word, unless its chain server is slow or something else is missing. */
const VOTE_PATIENCE_MS = 2_000;
const LOOK_MS = 25;

/** States in which an approval is worth what its highest fee allows. */
const VOTED_ON: ReadonlySet<TransactionState> = new Set(["pending", "voting", "approved", "signing"]);

type ApprovalService = Pick<NodeService, "approvals" | "approveTransaction" | "rejectTransaction">;

/** The part of the service that operators decide through. */
export function approvalService(
  { node, store, self }: ServiceParts,
  { nodeName, nodeNumber }: Names,
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
  /** Once this node's vote is in, or does not come. */
  const showVoted = async (row: () => Promise<StoredTransaction>): Promise<Transaction> => {
    const endMs = performance.now() + VOTE_PATIENCE_MS;
    for (;;) {
      const shown = await show(await row());
      const isIn = shown.votes.cast.some(({ node_id: voter }) => voter === nodeNumber(self));
      if (isIn || !VOTED_ON.has(shown.state) || performance.now() > endMs) return shown;
      await delay(LOOK_MS);
    }
  };

  const decide = (
    txid: string,
    {
      approved,
      reason,
      maxFee,
    }: { readonly approved: boolean; readonly reason: string; readonly maxFee: bigint | null },
  ): Promise<DecidedTransaction> =>
    translated(async () => {
      const id = parseRequestId(txid);
      const known = await store.transactions.get(id);
      if (known !== undefined && approved) refuseUseless(known, maxFee);
      const bound = await node.approvals.decide(id, { approved, maxFee, reason });
      const shown = await showVoted(async () => (await store.transactions.get(id))!);
      return {
        ...shown,
        waits_for: shown.waits_for.filter((name) => name !== nodeName(self)),
        decision: { node: nodeName(self), approved, max_fee_sats: bound === null ? null : Number(bound) },
      };
    });

  return {
    async approvals() {
      const pending = await node.approvals.list();
      return { items: pending.slice(0, MAX_APPROVALS).map(approvalOf), next_cursor: null };
    },

    approveTransaction: ({ txid, body: { reason = "", max_fee_sats: maxFee } }) =>
      decide(txid, { approved: true, reason, maxFee: maxFee === undefined ? null : BigInt(maxFee) }),

    rejectTransaction: ({ txid, body: { reason } }) => decide(txid, { approved: false, reason, maxFee: null }),
  };
}

/** Throws `max-fee-too-low`: custody would keep such an approval, and ask again at once. */
function refuseUseless({ state, feeSats }: StoredTransaction, maxFee: bigint | null): void {
  if (maxFee === null || feeSats === null || maxFee >= feeSats || !VOTED_ON.has(state)) return;
  throw new ServiceError(
    "max-fee-too-low",
    `The payment's fee is ${feeSats} sat, and you would approve at most ${maxFee} sat: nothing was approved. Allow ${feeSats} sat or more, or reject the payment.`,
  );
}
