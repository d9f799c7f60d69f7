/** A node as its HTTP API shows it: document 004's shapes over the node's own words. */
import {
  fsmStateOf,
  MAX_ATTEMPTS_TOLD,
  ServiceError,
  type InputOf,
  type NodeService,
  type Transaction,
} from "@conclave/api";
import { parseAmount, parseFeeRate, printFeeRate, sumSats } from "@conclave/bitcoin";
import { CodecError, toHex } from "@conclave/bytes";
import { evidenceCodec, type NodeId } from "@conclave/consensus";
import { requestCodec } from "@conclave/custody";
import { parseCursor, parseRequestId, WalletNotReady, type Cursor, type StoredTransaction } from "@conclave/node";
import { ascending, iso, votesOf, type Names, type ServiceParts } from "./service-answers.ts";
import { translated } from "./service-problems.ts";
import { approvalService } from "./approval-service.ts";
import { signingService } from "./signing-service.ts";
import { VERSION } from "./version.ts";

/** Everything that the routes ask of a node. */
export function nodeService(parts: ServiceParts): NodeService {
  const { node, store, roster, self, network, startedAtMs } = parts;
  const nodeNumber = (id: NodeId): number => roster.nodes.findIndex((entry) => entry.id === id) + 1;
  const nodeName = (id: NodeId): string => roster.nodes.find((entry) => entry.id === id)?.name ?? id.slice(0, 8);
  const names: Names = { nodeNumber, nodeName };
  const show = (row: StoredTransaction): Promise<Transaction> => transactionOf(parts, row, names);

  return {
    health: () =>
      Promise.resolve({
        status: "ok",
        node_id: nodeNumber(self),
        version: VERSION,
        uptime_seconds: Math.floor((Date.now() - startedAtMs) / 1_000),
      }),

    async ready() {
      const points = await parts.points();
      const reasons = points.flatMap(({ state, name, detail }) => (state === "failed" ? [{ name, detail }] : []));
      if (reasons.length > 0) {
        const told = reasons.map(({ detail }) => detail).join("; ");
        throw new ServiceError("not-ready", told, { retryAfterSeconds: 5, reasons });
      }
      const isWell = points.every(({ state }) => state === "ok");
      return {
        ready: true,
        status: isWell ? "ok" : "degraded",
        checks: points.map(({ name, state, detail }) => ({ name, ok: state === "ok", detail })),
      };
    },

    createTransaction: ({ body, idempotencyKey }) =>
      translated(async () => {
        const id = await node.createPayment({
          account: body.account ?? null,
          recipient: body.recipient,
          amount: parseAmount(body.amount_sats),
          feeRate: body.fee_rate === undefined ? null : parseFeeRate(body.fee_rate),
          metadata: body.metadata ?? null,
          idempotencyKey,
        });
        return show((await store.transactions.get(id))!);
      }),

    transactions: ({ limit, cursor, state }: InputOf<"transactions">) =>
      translated(async () => {
        const after = cursor === undefined ? {} : { after: readCursor(cursor) };
        const states = state === undefined ? {} : { states: [state] };
        const { rows, next } = await store.transactions.list({ limit, ...after, ...states });
        return { items: await Promise.all(rows.map(show)), next_cursor: next === null ? null : writeCursor(next) };
      }),

    transaction: ({ txid }) =>
      translated(async () => {
        const row = await store.transactions.get(parseRequestId(txid));
        if (row === undefined)
          throw new ServiceError("transaction-not-found", `this node knows no transaction ${txid}`);
        return show(row);
      }),

    balance: () =>
      translated(async () => {
        const accounts = await node.balances();
        const whole = (name: "confirmed" | "unconfirmed" | "locked" | "immature" | "spendable"): number =>
          Number(sumSats(accounts.map((balance) => balance[name])));
        return {
          network,
          confirmed_sats: whole("confirmed"),
          unconfirmed_sats: whole("unconfirmed"),
          locked_sats: whole("locked"),
          immature_sats: whole("immature"),
          spendable_sats: whole("spendable"),
          accounts: accounts.map(({ account, confirmed, unconfirmed, locked, immature, spendable }) => ({
            account,
            kind: kindOf(account),
            confirmed_sats: Number(confirmed),
            unconfirmed_sats: Number(unconfirmed),
            locked_sats: Number(locked),
            immature_sats: Number(immature),
            spendable_sats: Number(spendable),
          })),
          height: Math.min(...accounts.map(({ height }) => height)),
        };
      }),

    address: ({ account: asked }) =>
      translated(async () => {
        const view = asked === undefined ? node.accounts[0] : node.account(asked);
        if (!view) throw new WalletNotReady(`the cluster has no ${asked ?? "wallet"} key yet`);
        const { address, branch, index } = await view.address();
        const { account, keyId } = view;
        return { address, network, account, kind: kindOf(account), path: `${branch}/${index}`, key_id: toHex(keyId) };
      }),

    ...approvalService(parts, names, show),

    acknowledgeSpend: ({ txid, body: { reason } }) =>
      translated(async () => {
        await node.acknowledgeSpend({ txid, by: "the operator, by the API", reason });
        return { bitcoin_txid: txid, frozen: node.accounts.flatMap(({ frozen }) => frozen ?? []) };
      }),

    ...signingService(parts, names),

    async clusterStatus() {
      const { keyIds, reasons, deadEdges, ...view } = await node.cluster();
      return {
        ...view,
        reasons: [...reasons],
        cluster: roster.cluster,
        network,
        node_id: nodeNumber(self),
        key_ids: [...keyIds],
        dead_edges: deadEdges.map(({ key, between, reason, rekeying }) => ({
          key_id: key,
          between: ascending(between.map(nodeNumber)),
          reason,
          rekeying,
        })),
        version: VERSION,
      };
    },

    clusterEvidence: () => node.exportEvidence(),

    async clusterNodes() {
      const nodes = await node.nodes();
      return {
        items: nodes.map(({ index, id, name, self: own, status, lastSeenMs, ban }) => ({
          node_id: index,
          name,
          key: id,
          status,
          self: own,
          last_seen: lastSeenMs === null ? null : iso(lastSeenMs),
          ban:
            ban === null
              ? null
              : {
                  violation: evidenceCodec.decode(ban.evidence).kind,
                  strike: ban.strike,
                  until: ban.untilMs === null ? null : iso(ban.untilMs),
                },
        })),
        next_cursor: null,
      };
    },
  };
}

const kindOf = (account: "taproot" | "segwit") => (account === "taproot" ? "p2tr" : "p2wpkh");

async function transactionOf(parts: ServiceParts, row: StoredTransaction, names: Names): Promise<Transaction> {
  const { store, node } = parts;
  const stored = await store.requests.get(row.txid);
  const decoded = stored === undefined ? null : requestCodec.decode(stored.body);
  const request = decoded?.kind === "payment" ? decoded : null;
  const attempts = await store.events.ofRequest(row.txid);
  const paying = node.accounts.find(({ keyId }) => request !== null && toHex(keyId) === toHex(request.wallet));
  return {
    txid: row.txid,
    account: paying?.account ?? null,
    state: row.state,
    fsm_state: fsmStateOf(row.state),
    settled: row.state === "confirmed" || row.state === "aborted_timeout",
    recipient: row.recipient,
    amount_sats: Number(row.amountSats),
    fee_sats: row.feeSats === null ? null : Number(row.feeSats),
    fee_rate: request === null ? null : Number(printFeeRate(request.payment.feeRate)),
    metadata: row.metadata,
    votes: await votesOf(parts, row.txid, names),
    waits_for: node.approvals.nodesOf(row).map(names.nodeName),
    signers: ascending(node.signersOf(row.txid).map(names.nodeNumber)),
    confirmations: row.confirmations,
    bitcoin_txid: row.bitcoinTxid,
    created_at: iso(row.createdAtMs),
    confirmed_at: row.confirmedAtMs === null ? null : iso(row.confirmedAtMs),
    reason: row.reason,
    failed_attempts: attempts.flatMap(({ reasons }) => reasons).slice(-MAX_ATTEMPTS_TOLD),
  };
}

/** The store's cursor holds a dot; the API's alphabet does not. */
const writeCursor = (cursor: Cursor): string => cursor.replace(".", "_");

function readCursor(text: string): Cursor {
  const cursor = text.replace("_", ".");
  try {
    parseCursor(cursor);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new ServiceError("cursor-invalid", "this cursor was not made by this node: start from the first page", {
      cause,
    });
  }
  return cursor as Cursor;
}
