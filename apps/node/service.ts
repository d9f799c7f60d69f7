/** A node as its HTTP API shows it: document 004's shapes over the node's own words. */
import { fsmStateOf, ServiceError, type InputOf, type NodeService, type Transaction } from "@conclave/api";
import {
  AddressError,
  AmountError,
  FeeRateError,
  FeeTooHigh,
  FeeTooLow,
  InsufficientFunds,
  OutputBelowDust,
  parseAmount,
  parseFeeRate,
  printFeeRate,
  TooManyInputs,
  type NetworkName,
} from "@conclave/bitcoin";
import { requestCodec } from "@conclave/custody";
import { evidenceCodec, type NodeId, type Roster } from "@conclave/consensus";
import {
  ChainLied,
  ChainUnreachable,
  IdempotencyConflict,
  parseCursor,
  parseRequestId,
  WalletNotReady,
  type BitcoinChain,
  type ConclaveNode,
  type Cursor,
  type Store,
  type StoredTransaction,
} from "@conclave/node";
import { CodecError, toHex } from "@conclave/bytes";
import { VERSION } from "./version.ts";

export interface ServiceParts {
  readonly node: ConclaveNode;
  readonly store: Store;
  readonly chain: BitcoinChain;
  readonly roster: Roster;
  readonly self: NodeId;
  readonly network: NetworkName;
  readonly quorum: number;
  readonly startedAtMs: number;
}

/** What the wallet's and the chain's errors are called on the wire. */
const PROBLEM_OF = [
  [AddressError, "recipient-invalid"],
  [AmountError, "request-invalid"],
  [FeeRateError, "request-invalid"],
  [OutputBelowDust, "amount-below-dust"],
  [InsufficientFunds, "insufficient-funds"],
  [TooManyInputs, "too-many-inputs"],
  [FeeTooHigh, "fee-too-high"],
  [FeeTooLow, "fee-too-low"],
  [IdempotencyConflict, "idempotency-key-reused"],
  [WalletNotReady, "not-ready"],
  [ChainUnreachable, "chain-unreachable"],
  [ChainLied, "chain-unreachable"],
] as const;

const iso = (ms: number): string => new Date(ms).toISOString();

export function nodeService(parts: ServiceParts): NodeService {
  const { node, store, chain, roster, self, network, startedAtMs } = parts;
  const nodeNumber = (id: NodeId): number => roster.nodes.findIndex((entry) => entry.id === id) + 1;
  const nodeName = (id: NodeId): string => roster.nodes.find((entry) => entry.id === id)?.name ?? id.slice(0, 8);
  const show = (row: StoredTransaction): Promise<Transaction> => transactionOf(parts, row, { nodeNumber, nodeName });

  return {
    health: () =>
      Promise.resolve({
        status: "ok",
        node_id: nodeNumber(self),
        version: VERSION,
        uptime_seconds: Math.floor((Date.now() - startedAtMs) / 1_000),
      }),

    async ready() {
      const cluster = await node.cluster();
      const { state, message } = chain.health();
      const missing = node.wallet === null ? ["the cluster has no wallet key yet"] : [];
      if (cluster.status === "halted") missing.push(...cluster.reasons);
      if (state !== "ok") missing.push(`the Bitcoin chain does not answer: ${message}`);
      if (missing.length > 0) throw new ServiceError("not-ready", missing.join("; "), { retryAfterSeconds: 5 });
      return {
        ready: true,
        checks: [
          { name: "peers", detail: `${cluster.online} of ${cluster.n} nodes online, ${cluster.t} needed` },
          { name: "share", detail: `key ${cluster.keyIds.map((key) => key.slice(0, 8)).join(", ")}` },
          { name: "chain", detail: message },
          { name: "ledger", detail: `height ${cluster.height}` },
        ],
      };
    },

    createTransaction: ({ body, idempotencyKey }) =>
      translated(async () => {
        const id = await node.createPayment({
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
        const { confirmed, unconfirmed, locked, immature, spendable, height } = await node.balance();
        return {
          network,
          confirmed_sats: Number(confirmed),
          unconfirmed_sats: Number(unconfirmed),
          locked_sats: Number(locked),
          immature_sats: Number(immature),
          spendable_sats: Number(spendable),
          height,
        };
      }),

    address: () =>
      translated(async () => {
        const wallet = node.wallet;
        if (wallet === null) throw new WalletNotReady("the cluster has no wallet key yet");
        const { address, branch, index } = await wallet.address();
        return { address, network, kind: "p2tr", path: `${branch}/${index}`, key_id: toHex(wallet.keyId) };
      }),

    async clusterStatus() {
      const { keyIds, reasons, ...view } = await node.cluster();
      return {
        ...view,
        reasons: [...reasons],
        cluster: roster.cluster,
        network,
        node_id: nodeNumber(self),
        key_ids: [...keyIds],
        version: VERSION,
      };
    },

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

async function transactionOf(
  { store, node, quorum }: ServiceParts,
  row: StoredTransaction,
  { nodeNumber, nodeName }: { nodeNumber: (id: NodeId) => number; nodeName: (id: NodeId) => string },
): Promise<Transaction> {
  const stored = await store.requests.get(row.txid);
  const request = stored === undefined ? null : requestCodec.decode(stored.body);
  const round = (await store.votes.rounds(row.txid)).at(-1);
  const votes = round === undefined ? [] : (await store.votes.list(round.id)).filter(({ order }) => order === "first");
  const cast = votes
    .map(({ node: voter, approve, receivedAtMs }) => ({
      node_id: nodeNumber(voter),
      node: nodeName(voter),
      value: approve ? (1 as const) : (0 as const),
      received_at: iso(receivedAtMs),
    }))
    .toSorted((a, b) => a.node_id - b.node_id);
  const approve = cast.filter(({ value }) => value === 1).length;
  return {
    txid: row.txid,
    state: row.state,
    fsm_state: fsmStateOf(row.state),
    settled: row.state === "confirmed" || row.state === "aborted_timeout",
    recipient: row.recipient,
    amount_sats: Number(row.amountSats),
    fee_sats: row.feeSats === null ? null : Number(row.feeSats),
    fee_rate: request?.kind === "payment" ? Number(printFeeRate(request.payment.feeRate)) : null,
    metadata: row.metadata,
    votes: { approve, reject: cast.length - approve, required: quorum, cast },
    signers: node
      .signersOf(row.txid)
      .map(nodeNumber)
      .toSorted((a, b) => a - b),
    confirmations: row.confirmations,
    bitcoin_txid: row.bitcoinTxid,
    created_at: iso(row.createdAtMs),
    confirmed_at: row.confirmedAtMs === null ? null : iso(row.confirmedAtMs),
    reason: row.reason,
  };
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const row = PROBLEM_OF.find(([type]) => error instanceof type);
    if (row === undefined) throw error;
    throw new ServiceError(row[1], (error as Error).message, { cause: error });
  }
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
