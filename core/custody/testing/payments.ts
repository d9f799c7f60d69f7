/** Payments of a cluster's wallet: made, proposed, voted for and signed in one line each. */
import { assert, fromHex, concatBytes, toHex } from "@conclave/bytes";
import {
  buildPayment,
  feeRate,
  parseAddress,
  readPayment,
  sats,
  type KnownCoin,
  type PaymentView,
} from "@conclave/bitcoin";
import type { CustodyEvent, PaymentRequestBody, VoteCircumstances } from "../index.ts";
import { proposalCodec, requestId, revisionDigest } from "../index.ts";
import { attemptId, coordinatorIndex } from "../attempts.ts";
import type { Cluster } from "./cluster.ts";

export const RECIPIENT = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/** A confirmed coin of 100,000 sat on the wallet's first address. */
export const coin = (number: number): KnownCoin => ({
  outpoint: { txid: toHex(concatBytes(fromHex("ab".repeat(31)), Uint8Array.of(number))), vout: 0 },
  value: sats(100_000n),
  branch: 0,
  index: 0,
  height: 5,
  coinbase: false,
  spentBy: null,
});

export interface PaymentOptions {
  readonly origin?: number;
  readonly idempotencyKey?: string;
  readonly amount?: bigint;
  readonly recipient?: string;
  readonly height?: number;
  readonly expiresHeight?: number;
  readonly wallet?: Uint8Array;
}

export const paymentRequest = (cluster: Cluster, options: PaymentOptions = {}): PaymentRequestBody => ({
  kind: "payment",
  cluster: "local",
  idempotencyKey: options.idempotencyKey ?? "invoice 7",
  origin: cluster.idOf(options.origin ?? 1),
  height: options.height ?? 0,
  expiresHeight: options.expiresHeight ?? 1_000,
  wallet: options.wallet ?? cluster.key,
  payment: {
    recipient: options.recipient ?? RECIPIENT,
    amount: sats(options.amount ?? 50_000n),
    feeRate: feeRate(2_000n),
    metadata: null,
  },
});

/** One revision of a request that is voted on. */
export interface Motion {
  readonly request: { readonly height: number };
  readonly id: Uint8Array;
  readonly number: number;
  readonly digest: Uint8Array;
  /** What an honest host says that the chain holds. */
  readonly coins: readonly KnownCoin[];
  /** Request and revision, encoded. */
  readonly proposal: Uint8Array;
}

/** One revision of a payment. */
export interface Payment extends Motion {
  readonly request: PaymentRequestBody;
  readonly psbt: Uint8Array;
  readonly view: PaymentView;
}

export interface RevisionOptions {
  readonly number?: number;
  readonly coins?: readonly KnownCoin[];
  /** What the PSBT pays, if not what the request asks for. */
  readonly pays?: { readonly recipient?: string; readonly amount?: bigint };
  readonly changeIndex?: number;
}

/** A revision that spends `coins` and returns the rest, for some 2 sat per virtual byte. */
export function revisionOf(cluster: Cluster, request: PaymentRequestBody, options: RevisionOptions = {}): Payment {
  const { number = 1, coins = [coin(1)], pays = {}, changeIndex = 0 } = options;
  const amount = pays.amount ?? request.payment.amount;
  const fee = 280n + 110n * BigInt(coins.length - 1);
  const total = coins.reduce((sum, { value }) => sum + value, 0n);
  const { wallet } = cluster;
  const psbt = buildPayment(wallet, {
    inputs: coins,
    recipient: {
      script: parseAddress(pays.recipient ?? request.payment.recipient, wallet.network).scriptPubKey,
      value: sats(amount),
    },
    metadata: null,
    change: { index: changeIndex, value: sats(total - amount - fee) },
    locktime: 10,
  });
  const id = requestId(request);
  const revision = { request: id, number, psbt };
  return {
    request,
    id,
    number,
    psbt,
    digest: revisionDigest(revision),
    view: readPayment(psbt, wallet),
    coins,
    proposal: proposalCodec.encode({ request, revision }),
  };
}

/** A request with its first revision. */
export const payment = (cluster: Cluster, options: PaymentOptions & RevisionOptions = {}): Payment =>
  revisionOf(cluster, paymentRequest(cluster, options), options);

export function propose(cluster: Cluster, paid: Motion, { by = 1 } = {}): void {
  cluster.do(by, (custody, nowMs) => custody.propose(nowMs, paid.proposal));
  cluster.pump();
}

export interface VoteOptions extends Partial<VoteCircumstances> {
  readonly value?: boolean;
}

/** What an honest host knows of the chain: the coins exist, and the tip is at height 10. */
export const circumstances = (paid: Motion, options: VoteOptions = {}): VoteCircumstances => ({
  round: options.round ?? 1,
  coins: options.coins ?? paid.coins,
  tipHeight: options.tipHeight ?? 10,
  changeIndex: options.changeIndex ?? { from: 0, to: 10 },
  replaces: options.replaces ?? [],
});

/** One party votes; nothing is delivered yet. */
export const vote = (
  cluster: Cluster,
  party: number,
  paid: Motion,
  options: VoteOptions = {},
): readonly CustodyEvent[] =>
  cluster.do(party, (custody, nowMs) =>
    custody.vote(nowMs, paid.id, paid.number, options.value ?? true, circumstances(paid, options)),
  );

/** These parties (default: all) vote yes, and everybody hears it. */
export function approve(
  cluster: Cluster,
  paid: Motion,
  { by = cluster.all, round = 1 }: { by?: readonly number[]; round?: number } = {},
): void {
  for (const party of by) vote(cluster, party, paid, { round });
  cluster.pump();
}

export const abandon = (cluster: Cluster, party: number, paid: Motion): readonly CustodyEvent[] =>
  cluster.do(party, (custody, nowMs) => custody.abandon(nowMs, paid.id, paid.number));

export interface AttemptOptions {
  readonly round?: number;
  readonly attempt?: number;
  /** Parties that are not banned, as the others see it. */
  readonly members?: readonly number[];
}

/** Who coordinates an attempt. */
export function coordinatorOf(
  cluster: Cluster,
  { request: { height } }: Pick<Motion, "request">,
  { attempt = 0, members = cluster.all }: AttemptOptions = {},
): number {
  const party = members[coordinatorIndex(members.length, height, attempt)];
  assert(party !== undefined, "somebody coordinates");
  return party;
}

export const attemptName = (paid: Motion, { round = 1, attempt = 0 }: AttemptOptions = {}): string =>
  attemptId({ request: paid.id, revision: paid.number, digest: paid.digest, round, attempt });

/** Setup and acks. */
export function open(cluster: Cluster, paid: Motion, options: AttemptOptions = {}): number {
  const { round = 1, attempt = 0 } = options;
  const coordinator = coordinatorOf(cluster, paid, options);
  cluster.do(coordinator, (custody, nowMs) => custody.open(nowMs, paid.id, paid.number, round, attempt));
  cluster.pump();
  return coordinator;
}

/** A whole attempt: setup, acks, begin, and the rounds, as far as the network lets it. */
export function sign(cluster: Cluster, paid: Motion, options: AttemptOptions = {}): number {
  const coordinator = open(cluster, paid, options);
  begin(cluster, coordinator, attemptName(paid, options));
  return coordinator;
}

export function begin(cluster: Cluster, coordinator: number, id: string): void {
  cluster.do(coordinator, (custody, nowMs) => custody.begin(nowMs, id, []));
  cluster.pump();
}

/** Parties whose custody handed out the transaction. */
export const paidAt = (cluster: Cluster, { view }: Payment): readonly number[] =>
  cluster.all.filter((party) => cluster.events(party, "signed").some(({ txid }) => txid === view.txid));
