/** The row that a node keeps of a payment, and how its state changes: the machine decides, the store remembers. */
import { fromHex, toHex, utf8Decode } from "@conclave/bytes";
import {
  advance,
  NEW_TRANSACTION,
  type TransactionEvent,
  type TransactionState,
  type TransactionStatus,
} from "@conclave/consensus";
import type { PaymentRequestBody } from "@conclave/custody";
import { auditRecord, type Context } from "./context.ts";
import { Latest } from "./latest.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoreTables } from "./store/port.ts";
import type { StoredTransaction } from "./store/transactions.ts";

export const requestHex = (id: Uint8Array): RequestId => toHex(id) as RequestId;
export const requestBytes = (id: RequestId): Uint8Array => fromHex(id);

/** States after which a payment of the same thing is safe, or that the chain decided. */
const SETTLED = new Set(["confirmed", "aborted_timeout"]);

/** Payments whose state is kept at hand; of any other it is read from its row, as after a restart. */
const MAX_STATUSES = 1_024;

/** A complete signature exists: no further revision takes that back. */
const SIGNED: ReadonlySet<TransactionState> = new Set(["signed", "broadcasting", "confirmed"]);

export class PaymentRecords {
  readonly #context: Context;
  readonly #statuses = new Latest<RequestId, TransactionStatus>(MAX_STATUSES);

  constructor(context: Context) {
    this.#context = context;
  }

  /** The row of a payment that was just taken in, in the same write as its request: neither is ever there alone. */
  async open(
    id: RequestId,
    { payment }: PaymentRequestBody,
    createdAtMs: number,
    { transactions }: StoreTables,
  ): Promise<void> {
    if ((await transactions.get(id)) !== undefined) return;
    await transactions.upsert({
      txid: id,
      state: NEW_TRANSACTION.state,
      unsignedTx: null,
      signedTx: null,
      recipient: payment.recipient,
      amountSats: payment.amount,
      feeSats: null,
      metadata: payment.metadata === null ? null : utf8Decode(payment.metadata),
      createdAtMs,
      confirmedAtMs: null,
      bitcoinTxid: null,
      confirmations: 0,
      reason: null,
    });
  }

  async status(id: RequestId): Promise<TransactionStatus | undefined> {
    const known = this.#statuses.get(id);
    if (known !== undefined) return known;
    const row = await this.#context.store.transactions.get(id);
    if (row === undefined) return undefined;
    const status = { state: row.state, settled: SETTLED.has(row.state) };
    this.#statuses.set(id, status);
    return status;
  }

  /** Apply an event of the state machine together with what else is new. A refused event changes nothing but `fields`. */
  async apply(id: RequestId, event: TransactionEvent | null, fields: Partial<StoredTransaction> = {}): Promise<void> {
    const row = await this.#context.store.transactions.get(id);
    const before = await this.status(id);
    if (row === undefined || before === undefined) return;
    const after = event === null ? before : advance(before, event).status;
    this.#statuses.set(id, after);
    const next = { ...row, ...fields, state: after.state };
    if (sameRow(row, next)) return;
    const changed = after.state !== before.state;
    await this.#context.store.transaction(async ({ transactions, audit }) => {
      await transactions.upsert(next);
      const entry = auditRecord(this.#context, `transaction.${after.state}`, id, { reason: next.reason });
      if (changed) await audit.append(entry);
    });
    if (changed || next.confirmations !== row.confirmations) this.#tell(id, next);
  }

  /** A new revision begins the life of the payment anew: its predecessor's votes are no votes on it. */
  async restart(id: RequestId, fields: Partial<StoredTransaction>): Promise<void> {
    const row = await this.#context.store.transactions.get(id);
    if (row === undefined || SIGNED.has(row.state)) return;
    const { status } = advance(NEW_TRANSACTION, { kind: "votingOpened" });
    this.#statuses.set(id, status);
    const next = { ...row, reason: null, ...fields, state: status.state };
    await this.#context.store.transactions.upsert(next);
    this.#tell(id, next);
  }

  #tell(request: RequestId, { state, reason, confirmations, bitcoinTxid }: StoredTransaction): void {
    this.#context.notify({ kind: "state", request, state, reason, confirmations, bitcoinTxid });
  }
}

const sameRow = (a: StoredTransaction, b: StoredTransaction): boolean =>
  (Object.keys(b) as (keyof StoredTransaction)[]).every((column) => a[column] === b[column]);
