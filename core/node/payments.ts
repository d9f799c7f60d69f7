/** From a wish to an approved revision: intake, choice of account and coins, votes, and other coins if the first choice was taken. */
import { toHex, utf8 } from "@conclave/bytes";
import {
  buildPayment,
  estimateRate,
  networks,
  parseAddress,
  sats,
  outpointKey,
  selectCoins,
  type Coin,
  type FeeRate,
  type Outpoint,
  type Sats,
  type Selection,
} from "@conclave/bitcoin";
import {
  proposalCodec,
  requestCodec,
  requestId,
  type CustodyEvent,
  type PaymentRequestBody,
  type Revision,
} from "@conclave/custody";
import type { Account, Accounts } from "./accounts.ts";
import { keepRequest, keepRevision, OWN_PROMISES } from "./ballot-records.ts";
import type { Context } from "./context.ts";
import { Latest } from "./latest.ts";
import { waitsForApproval } from "./manual-approvals.ts";
import type { PaymentViews } from "./payment-views.ts";
import { requestHex, type PaymentRecords } from "./records.ts";
import { Reselection } from "./reselection.ts";
import { isShortage } from "./shortage.ts";
import type { RequestId } from "./store/ids.ts";
import type { StoredRequest } from "./store/requests.ts";
import type { WalletView } from "./wallet.ts";

/** How many ledger steps a payment may take to be approved and signed; a step is about a second. */
const EXPIRY_STEPS = 86_400;
/** What one more signing ceremony is worth avoiding, in satoshis of fee. */
const SIGNING_COST = sats(100n);
/** Objections that another look at the chain may clear. */
const PASSING: ReadonlySet<string> = new Set(["unknown-coin", "unconfirmed-coin", "locktime-ahead", "immature-coin"]);

/** Coins remembered as chosen: more than payments that wait for their votes at one time have. */
const MAX_CHOSEN = 1_024;

export interface PaymentWish {
  /** Whose coins pay. Null: the first account whose coins suffice. */
  readonly account: Account | null;
  readonly recipient: string;
  readonly amount: Sats;
  /** Null: estimated. */
  readonly feeRate: FeeRate | null;
  /** At most 80 bytes of text to publish along, or null. */
  readonly metadata: string | null;
  readonly idempotencyKey: string;
}

/** The wish differs from the one that came with the same idempotency key. */
export class IdempotencyConflict extends Error {
  override readonly name = "IdempotencyConflict";
}

/** Several accounts were asked, and none of them can pay alone: a payment spends from one. */
export class NoAccountSuffices extends Error {
  override readonly name = "NoAccountSuffices";
}

/** The node that was asked would vote no: its operator's limits, or its address book, are against it. */
export class SpendingRefused extends Error {
  override readonly name = "SpendingRefused";
}

/** Nothing can be paid yet. */
export class WalletNotReady extends Error {
  override readonly name = "WalletNotReady";
}

type Event<K extends CustodyEvent["kind"]> = Extract<CustodyEvent, { kind: K }>;

export interface PaymentParts {
  readonly context: Context;
  readonly records: PaymentRecords;
  readonly accounts: Accounts;
  readonly views: PaymentViews;
}

export class Payments {
  readonly #context: Context;
  readonly #records: PaymentRecords;
  readonly #accounts: Accounts;
  readonly #views: PaymentViews;
  readonly #reselection: Reselection;
  /** Which of this node's payments chose a coin last: the vote, which holds the coin, comes later. */
  readonly #chosen = new Latest<string, string>(MAX_CHOSEN);
  /** When this node first wanted to vote on a revision: bounds its patience with its own chain view. */
  readonly #since = new Map<string, number>();
  /** Revisions that wait for this node's vote: custody may not speak yet, or the chain did not answer. */
  readonly #unvoted = new Map<string, { readonly id: Uint8Array; readonly number: number }>();

  constructor(parts: PaymentParts) {
    const { context, records, accounts, views } = parts;
    this.#context = context;
    this.#records = records;
    this.#accounts = accounts;
    this.#views = views;
    this.#reselection = new Reselection({
      context,
      accounts,
      views,
      revise: (request, id, number, avoid) => this.#revise(request, id, number, avoid),
      propose: (proposal, revision) => this.#propose(proposal, revision),
      giveUp: (id, reason) => this.#giveUp(id, reason),
    });
  }

  /**
   * Take a wish in, on the slow lane. Resolves once the request is on this node's disk. Throws what address parsing and coin
   * selection throw (nothing is stored then), `SpendingRefused`, `NoAccountSuffices`, `IdempotencyConflict`, `WalletNotReady`.
   */
  async create(wish: PaymentWish): Promise<RequestId> {
    const { store } = this.#context;
    const known = await store.requests.byIdempotencyKey(wish.idempotencyKey);
    if (known !== undefined) return this.#same(known, wish);
    const candidates = this.#candidates(wish.account);
    await this.#checkPolicy(wish);
    const feeRate = wish.feeRate ?? (await this.#estimate());
    const { request, revision } = await this.#firstThatSuffices(candidates, wish, feeRate);
    await this.#save(request, revision, wish.idempotencyKey);
    await store.durable();
    const proposal = proposalCodec.encode({ request, revision });
    await this.#context.submit(await this.#context.custody.propose(this.#now(), proposal));
    return requestHex(requestId(request));
  }

  /** Asking the others for what this node itself will not approve only takes the user's time. */
  async #checkPolicy({ recipient, amount }: PaymentWish): Promise<void> {
    // What is no address is in no address book: that it is none says more.
    parseAddress(recipient, networks[this.#context.network]);
    const against = await this.#context.custody.spendingObjections(this.#now(), { recipient, amount });
    if (against.length === 0) return;
    const told = against.map(({ message }) => message).join("; ");
    throw new SpendingRefused(`${told}: ask a node whose operator allows it, or this one's to change the policy`);
  }

  #candidates(account: Account | null): readonly WalletView[] {
    const known = this.#accounts.all().filter((view) => account === null || view.account === account);
    const views = known.filter(({ frozen }) => frozen === null);
    if (views.length > 0) return views;
    if (known.length > 0) throw new WalletNotReady(known.map(({ frozen }) => frozen).join(". "));
    throw new WalletNotReady(`the cluster has no ${account === null ? "wallet" : account} key yet`);
  }

  /** Which account pays decides what the request says, so every candidate gets one of its own. */
  async #firstThatSuffices(candidates: readonly WalletView[], wish: PaymentWish, feeRate: FeeRate) {
    const shortages: { readonly account: Account; readonly error: Error }[] = [];
    for (const view of candidates) {
      const request = this.#request(view, wish, feeRate);
      try {
        return { request, revision: await this.#revise(request, requestId(request), 1) };
      } catch (error) {
        if (!isShortage(error)) throw error;
        shortages.push({ account: view.account, error });
      }
    }
    const [only, ...others] = shortages;
    if (only !== undefined && others.length === 0) throw only.error;
    const told = shortages.map(({ account, error }) => `${account}: ${error.message}`).join(" ");
    throw new NoAccountSuffices(`No account can pay this alone. ${told}`);
  }

  #same({ body, id }: StoredRequest, wish: PaymentWish): RequestId {
    const request = requestCodec.decode(body);
    const same =
      request.kind === "payment" &&
      request.payment.recipient === wish.recipient &&
      request.payment.amount === wish.amount &&
      (wish.account === null || this.#accounts.ofKey(request.wallet)?.account === wish.account) &&
      (wish.feeRate === null || request.payment.feeRate === wish.feeRate) &&
      toHex(request.payment.metadata ?? new Uint8Array(0)) === toHex(utf8(wish.metadata ?? ""));
    if (!same) throw new IdempotencyConflict("this idempotency key was used for another payment: use a new one");
    return id;
  }

  #request({ keyId, wallet }: WalletView, wish: PaymentWish, feeRate: FeeRate): PaymentRequestBody {
    // Refuse a bad address before anything is stored.
    parseAddress(wish.recipient, wallet.network);
    const height = this.#context.ledger.height();
    const metadata = wish.metadata === null || wish.metadata === "" ? null : utf8(wish.metadata);
    return {
      kind: "payment",
      cluster: this.#context.roster.cluster,
      idempotencyKey: wish.idempotencyKey,
      origin: this.#context.self,
      height,
      expiresHeight: height + EXPIRY_STEPS,
      wallet: keyId,
      payment: { recipient: wish.recipient, amount: wish.amount, feeRate, metadata },
    };
  }

  async #estimate(): Promise<FeeRate> {
    const estimates = Object.fromEntries(await this.#context.chain.feeEstimates());
    return estimateRate(estimates, { targetBlocks: 6, policy: this.#context.policy.fees }).rate;
  }

  #choose(coins: readonly Coin[], id: string): void {
    for (const { outpoint } of coins) this.#chosen.set(outpointKey(outpoint), id);
  }

  /** Each node has coins that it tries first while other payments are under way: they do not all choose the same. */
  #prefers({ txid, vout }: Outpoint): boolean {
    const ids = this.#context.roster.nodes.map(({ id }) => id).toSorted();
    return (Number.parseInt(txid.slice(0, 8), 16) + vout) % ids.length === ids.indexOf(this.#context.self);
  }

  /** This node has given its answer, or none is wanted any more. */
  #settle(key: string): void {
    this.#unvoted.delete(key);
    this.#since.delete(key);
  }

  /** Choose coins that no payment holds and build the PSBT. */
  async #revise(
    request: PaymentRequestBody,
    id: Uint8Array,
    number: number,
    avoid: ReadonlySet<string> = new Set(),
  ): Promise<Revision> {
    const view = this.#accounts.ofKey(request.wallet);
    if (view === undefined)
      throw new WalletNotReady("this node holds no share of the key that the payment spends from");
    const { wallet, keyId } = view;
    const { chain, custody, policy } = this.#context;
    const [coins, tip, held] = await Promise.all([view.coins(), chain.tip(), custody.lockedCoins(keyId, toHex(id))]);
    const { payment } = request;
    const { scriptPubKey } = parseAddress(payment.recipient, wallet.network);
    const own = toHex(id);
    const free = coins.filter(({ outpoint }) => (this.#chosen.get(outpointKey(outpoint)) ?? own) === own);
    // Where others pay too, nodes that choose alike lose a round of votes each time.
    const preferred = avoid.size + held.length === 0 ? [] : free.filter(({ outpoint }) => this.#prefers(outpoint));
    const choose = (among: readonly Coin[]): Selection =>
      selectCoins({
        scriptType: wallet.scriptType,
        coins: among,
        locked: new Set([...held.map(({ outpoint }) => outpoint), ...avoid]),
        required: [],
        tipHeight: tip.height,
        spendUnconfirmed: policy.minConfirmations === 0,
        amount: payment.amount,
        recipient: scriptPubKey,
        metadata: payment.metadata,
        feeRate: payment.feeRate,
        policy: policy.fees,
        signingCost: SIGNING_COST,
        maxInputs: policy.maxInputs,
      });
    const selection = firstThatSuffices([preferred, free, coins], choose);
    this.#choose(selection.inputs, own);
    const change =
      selection.change === null ? null : { index: (await view.takeChange()).index, value: selection.change };
    const recipient = { script: scriptPubKey, value: payment.amount };
    const inputs = await view.proven(selection.inputs);
    const psbt = buildPayment(wallet, { inputs, recipient, metadata: payment.metadata, change, locktime: tip.height });
    return { request: id, number, psbt };
  }

  /** Request, first revision and payment row in one write: after a crash there is all of it or nothing. */
  async #save(request: PaymentRequestBody, revision: Revision | null, idempotencyKey: string | null): Promise<void> {
    await keepRequest(this.#context, { request, revision, idempotencyKey }, (stored, tables) =>
      this.#records.open(stored.id, request, stored.createdAtMs, tables),
    );
  }

  /** A request or revision is new here, whoever proposed it: keep it, and think about a vote. */
  async proposed(request: PaymentRequestBody, revision: Revision | null): Promise<void> {
    // The client's idempotency key is the origin's business: another node's clients may have chosen the same.
    await this.#save(request, revision, request.origin === this.#context.self ? request.idempotencyKey : null);
    const view = revision === null ? null : this.#views.read(request, revision);
    if (view === null || revision === null) return;
    const id = requestHex(requestId(request));
    if (view.change !== null) await this.#accounts.ofKey(request.wallet)?.noteChange(view.change.index);
    // One that was overtaken on its way changes nothing any more.
    if ((await this.#latest(id)) !== revision.number) return;
    const fields = { unsignedTx: revision.psbt, feeSats: view.fee };
    if (revision.number > 1) await this.#records.restart(id, fields);
    else await this.#records.apply(id, { kind: "votingOpened" }, fields);
    this.consider(requestId(request), revision.number);
  }

  /** Vote on a revision as soon as custody may speak and the chain can be asked about it. */
  consider(id: Uint8Array, number: number): void {
    this.#unvoted.set(revisionKey(id, number), { id, number });
    this.#context.slowLane.post(() => this.#vote(id, number));
  }

  /** Look again at whatever still waits for this node's vote. */
  async reconsider(): Promise<void> {
    if (this.#unvoted.size === 0 || !(await this.#context.custody.status()).ready) return;
    for (const { id, number } of this.#unvoted.values()) this.#context.slowLane.post(() => this.#vote(id, number));
  }

  /** The proposer chose other coins: promise never to sign the earlier choice, which frees this node to vote again. */
  async #abandonOlder(id: Uint8Array, number: number): Promise<void> {
    const { store, custody, submit } = this.#context;
    for (const { number: older } of await store.requests.revisions(requestHex(id)))
      if (older < number) await submit(await custody.abandon(this.#now(), id, older));
  }

  async #latest(id: RequestId): Promise<number> {
    return (await this.#context.store.requests.revisions(id)).at(-1)?.number ?? 0;
  }

  /** Vote on a revision by this node's own view of the chain; wait a little where that view may be behind. */
  async #vote(id: Uint8Array, number: number): Promise<void> {
    const key = revisionKey(id, number);
    const stored = await this.#context.store.requests.get(requestHex(id));
    const request = stored && requestCodec.decode(stored.body);
    if (request?.kind !== "payment" || !this.#unvoted.has(key)) return;
    // Custody would not vote any more.
    if (stored!.expiresAtMs <= this.#now()) return this.#settle(key);
    const account = this.#accounts.ofKey(request.wallet);
    const view = await this.#views.find(requestHex(id), number);
    if (account === undefined || view === null || account.frozen !== null) return;
    if ((await this.#latest(requestHex(id))) !== number) return this.#settle(key);
    if (!this.#since.has(key)) this.#since.set(key, this.#now());
    const [coins, tip, changeIndex] = await Promise.all([
      account.knownCoins(view),
      this.#context.chain.tip(),
      account.changeWindow(),
      // A promise that stays never speaks of a request that a power cut may take: its origin may be banned and not tell it again.
      this.#context.store.durable(),
    ]);
    const circumstances = { round: 1, coins, tipHeight: tip.height, changeIndex, replaces: [] };
    await this.#abandonOlder(id, number);
    const events = await this.#context.custody.vote(this.#now(), id, number, true, circumstances);
    if (events.some(({ kind }) => kind === "send")) this.#settle(key);
    await this.#context.submit(events);
  }

  /** Custody did not vote yes. Ask again while the reason may pass; otherwise say no, so that the proposer knows. */
  async objected(event: Event<"objected">): Promise<void> {
    const { request, revision, objections } = event;
    const { timings, clock, slowLane } = this.#context;
    const key = revisionKey(request, revision);
    const waitedMs = this.#now() - (this.#since.get(key) ?? this.#now());
    if (objections.every(({ code }) => PASSING.has(code)) && waitedMs < timings.votePatienceMs) {
      clock.schedule(timings.voteRetryMs, () => slowLane.post(() => this.#vote(request, revision)));
      return;
    }
    this.#settle(key);
    // Until its operator decides, or it expires.
    if (waitsForApproval(event)) return;
    if (objections.some(({ code }) => OWN_PROMISES.has(code))) return;
    // What was given up was given up for a reason, which is told already.
    const told = objections.filter(({ code }) => code !== "abandoned" && code !== "dead");
    const reason = told.map(({ message }) => message).join("; ");
    if (told.length > 0) await this.#records.apply(requestHex(request), null, { reason });
    const nothing = { round: 1, coins: [], tipHeight: 0, changeIndex: { from: 0, to: 0 }, replaces: [] };
    await this.#context.act(await this.#context.custody.vote(this.#now(), request, revision, false, nothing));
  }

  /** The votes are decided. A payment of this node's own that lost a race for a coin is tried with others. */
  async verdict(stored: StoredRequest, { request, revision, verdict, exhausted }: Event<"verdict">): Promise<void> {
    const { self } = this.#context;
    const { id } = stored;
    if (revision !== (await this.#latest(id))) return;
    const event = { kind: "votesCounted" as const, verdict, exhausted };
    const state = (await this.#records.status(id))?.state ?? "pending";
    // An approval that a ban has taken back since, or an answer that the user has: neither is begun anew.
    if (verdict === "approved" || !UNDECIDED.has(state)) return this.#records.apply(id, event);
    // Nobody can approve it any more: give its coins back at once, unless a partial signature is out.
    await this.#context.act(await this.#context.custody.abandon(this.#now(), request, revision));
    const reason = await this.#whyRejected(id);
    if (stored.origin !== self || exhausted) return this.#records.apply(id, event, { reason });
    this.#context.slowLane.post(() => this.#reselection.after(request, revision, reason));
  }

  async #whyRejected(id: RequestId): Promise<string> {
    const row = await this.#context.store.transactions.get(id);
    return row?.reason ?? "the other nodes rejected it: see their logs for the reason";
  }

  async #propose(proposal: Uint8Array, revision: Revision): Promise<void> {
    const { custody, submit } = this.#context;
    await keepRevision(this.#context.store, revision);
    // Before anybody hears of it: who forgets a revision makes another of the same number, and cannot follow the one that is out.
    await this.#context.store.durable();
    await submit(await custody.propose(this.#now(), proposal));
  }

  async #giveUp(id: Uint8Array, reason: string): Promise<void> {
    const rejected = { kind: "votesCounted" as const, verdict: "rejected" as const, exhausted: false };
    await this.#context.mailbox.run(() => this.#records.apply(requestHex(id), rejected, { reason }));
  }

  #now(): number {
    return this.#context.clock.nowMs();
  }
}

/** States in which a rejection still decides something. */
const UNDECIDED: ReadonlySet<string> = new Set(["pending", "voting"]);

const revisionKey = (request: Uint8Array, number: number): string => `${toHex(request)}/${number}`;

/** What `choose` makes of the first coins that suffice. Throws what it throws for the last. */
function firstThatSuffices(
  pools: readonly (readonly Coin[])[],
  choose: (among: readonly Coin[]) => Selection,
): Selection {
  for (const pool of pools.slice(0, -1)) {
    try {
      return choose(pool);
    } catch (error) {
      if (!isShortage(error)) throw error;
    }
  }
  return choose(pools.at(-1)!);
}
