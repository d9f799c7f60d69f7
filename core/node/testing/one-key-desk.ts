/**
 * A wallet whose whole key a test holds, on the regtest chain behind its Esplora server, followed by the parts of one node: so
 * that a test can be the cluster, the thief and the miner.
 */
import {
  buildPayment,
  CHANGE,
  defaultFeePolicy,
  deriveScript,
  finalizePayment,
  inputDigests,
  networks,
  parseAddress,
  readPayment,
  RECEIVE,
  sats,
  type PaymentView,
  type SpentCoin,
} from "@conclave/bitcoin";
import { GENESIS_HASH, openRegtest, type Regtest } from "@conclave/bitcoin-regtest";
import { openEsplora } from "@conclave/bitcoin-esplora";
import { bitcoinjsOpinion } from "@conclave/verifier-bitcoinjs";
import { fromHex, toHex } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { Custody, inlineCustody, requestCodec, requestId, type PaymentRequestBody } from "@conclave/custody";
import { memoryJournal, memoryVault } from "@conclave/custody/testing";
import { seededDice } from "@conclave/protocol/testing";
import { signDigest, singleKeyWallet } from "../../bitcoin/testing/single-key-wallet.ts";
import { Accounts } from "../accounts.ts";
import { keepRequest } from "../ballot-records.ts";
import type { BitcoinChain } from "../chain-port.ts";
import type { Context, Notice } from "../context.ts";
import { CustodyNews } from "../custody-news.ts";
import { Mailbox } from "../mailbox.ts";
import { PaymentViews } from "../payment-views.ts";
import { PaymentRecords } from "../records.ts";
import { CoinGuard } from "../settlement/coin-guard.ts";
import { Follower } from "../settlement/follow.ts";
import { Freezes } from "../settlement/freezes.ts";
import { newlyWatched, type Watched } from "../settlement/watched.ts";
import type { RequestId } from "../store/ids.ts";
import type { StoredTransaction } from "../store/transactions.ts";
import { DEFAULT_TIMINGS } from "../timings.ts";
import { WalletView } from "../wallet.ts";
import { committeeOf, disksOf } from "./committee.ts";
import { engine, schemes } from "./engine.ts";
import { memoryStore, type MemoryStore } from "./memory-store.ts";

const START_MS = 1_800_000_000_000;
/** BIP173's example key: nobody's here. */
const STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const COIN_SATS = 100_000n;

/** A payment that the desk signed, or a spend that no request asks for. */
export interface Signed {
  readonly view: PaymentView;
  readonly rawTx: Uint8Array;
}

export interface Payment extends Signed {
  readonly id: RequestId;
  readonly watched: Watched;
}

export interface Desk {
  readonly chain: Regtest;
  readonly esplora: BitcoinChain;
  readonly store: MemoryStore;
  readonly view: WalletView;
  readonly follower: Follower;
  readonly freezes: Freezes;
  readonly guard: CoinGuard;
  /** Another guard and other freezes over the same store, as after a restart. */
  restarted(): { readonly guard: CoinGuard; readonly freezes: Freezes };
  readonly notices: Notice[];
  /** Peers whose link is up. */
  peersUp: boolean;
  /** Whether the other code finds fault with every signature. */
  isDoubtful: boolean;
  nowMs: number;
  coin(index: number): Promise<SpentCoin>;
  /** Sign a spend of coins; the rest goes to a change address of the wallet, so that a replacement differs. */
  sign(coins: readonly SpentCoin[], fee: bigint, change?: number): Signed;
  /** Take a signed spend in as a payment that was asked for, and follow it. */
  request(signed: Signed, name: string): Promise<Payment>;
  /** The same request's next revision. */
  revise(payment: Payment, number: number, signed: Signed): Promise<void>;
  look(payment: Payment): Promise<StoredTransaction>;
  close(): Promise<void>;
}

export async function openDesk(): Promise<Desk> {
  const chain = await openRegtest({ premine: 130 });
  const server = await chain.listen();
  const wallet = singleKeyWallet(networks.regtest, seededRng("desk"));
  const committee = committeeOf({ n: 3, t: 2, q: 2 });
  const clock = { nowMs: () => desk.nowMs, schedule: wallTimer };
  const dice = seededDice("desk");
  const esplora = openEsplora({
    baseUrl: server.url,
    genesisHash: GENESIS_HASH,
    allowPrivateHosts: true,
    clock,
    random: () => dice.below(1_000) / 1_000,
  });
  const store = memoryStore();
  const { vault, journal } = disksOf(committee.keyed[0]!);
  const custody = inlineCustody(
    new Custody({
      engine,
      vault: memoryVault(vault),
      journal: memoryJournal(journal),
      rng: seededRng("desk custody"),
      schemes,
      settings: committee.settings,
    }),
  );
  const notices: Notice[] = [];
  const [mailbox, slowLane] = [new Mailbox(rethrow), new Mailbox(rethrow)];
  const self = committee.nodes[0]!;
  const { roster, threshold, quorum, rawDigests, policy, burialDepth } = committee.settings;
  const accounts = new Accounts();
  const view = new WalletView({
    account: "taproot",
    wallet,
    keyId: committee.key.key,
    chain: esplora,
    network: "regtest",
    addresses: store.addresses,
    clock,
  });
  accounts.add(view);
  const context: Context = {
    self,
    roster,
    network: "regtest",
    policy: { ...policy, fees: defaultFeePolicy.regtest },
    threshold,
    quorum,
    rawDigests,
    burialDepth,
    requiredConfirmations: 2,
    custody,
    news: new CustodyNews({ custody, clock }),
    store,
    history: { keepsUp: () => true, orAway: (work) => work() },
    chain: esplora,
    secondOpinion: (spend) => (desk.isDoubtful ? ["the test says so"] : bitcoinjsOpinion(spend)),
    clock,
    ledger: { height: () => 0 },
    timings: DEFAULT_TIMINGS,
    mailbox,
    slowLane,
    isUp: () => desk.peersUp,
    frozen: () => view.frozen,
    act: () => Promise.resolve(),
    submit: () => Promise.resolve(),
    notify: (notice) => void notices.push(notice),
    audit: async (action, subject, detail = {}) => {
      await store.audit.append({ atMs: desk.nowMs, actor: self, action, subject, detail });
    },
  };
  const records = new PaymentRecords(context);
  const views = new PaymentViews(accounts, store);
  const follower = new Follower({ context, records, views });
  const guardWith = (known: PaymentViews) => {
    const freezes = new Freezes(context, accounts);
    return { freezes, guard: new CoinGuard({ context, accounts, views: known, freezes }) };
  };

  const request = async ({ view: paid, rawTx }: Signed, name: string): Promise<Payment> => {
    const body: PaymentRequestBody = {
      kind: "payment",
      cluster: roster.cluster,
      idempotencyKey: name,
      origin: self,
      height: 0,
      expiresHeight: 1_000,
      wallet: view.keyId,
      payment: {
        recipient: STRANGER,
        amount: sats(1_000n),
        feeRate: committee.settings.policy.fees.minRate,
        metadata: null,
      },
    };
    const id = requestId(body);
    const revision = { request: id, number: 1, psbt: psbtOf(paid) };
    await keepRequest(context, { request: body, revision, idempotencyKey: name }, (stored, tables) =>
      records.open(stored.id, body, stored.createdAtMs, tables),
    );
    const hex = toHex(id) as RequestId;
    views.read(body, revision);
    await records.apply(hex, { kind: "signatureComplete" }, { signedTx: rawTx, bitcoinTxid: paid.txid });
    return { id: hex, view: paid, rawTx, watched: newlyWatched(hex, paid.txid, rawTx) };
  };
  const psbts = new Map<string, Uint8Array>();
  const psbtOf = ({ txid }: PaymentView): Uint8Array => psbts.get(txid)!;

  const desk: Desk = {
    chain,
    esplora,
    store,
    view,
    follower,
    ...guardWith(views),
    restarted: () => guardWith(new PaymentViews(accounts, store)),
    notices,
    peersUp: true,
    isDoubtful: false,
    nowMs: START_MS,
    coin: async (index) => {
      const { address, scriptPubKey } = deriveScript(wallet, RECEIVE, index);
      chain.faucet(address, COIN_SATS);
      const [utxo] = await esplora.utxos(scriptPubKey);
      return { outpoint: utxo!.outpoint, value: sats(utxo!.value), branch: RECEIVE, index };
    },
    sign: (coins, fee, change = 0) => {
      const value = sats(COIN_SATS * BigInt(coins.length) - 1_000n - fee);
      const recipient = { script: parseAddress(STRANGER, networks.regtest).scriptPubKey, value: sats(1_000n) };
      const psbt = buildPayment(wallet, {
        inputs: coins,
        recipient,
        metadata: null,
        change: { index: change, value },
        locktime: 0,
      });
      const paid = readPayment(psbt, wallet);
      psbts.set(paid.txid, psbt);
      const { rawTx } = finalizePayment(
        paid,
        inputDigests(paid).map((input) => signDigest(wallet, input)),
      );
      return { view: paid, rawTx };
    },
    request,
    revise: async ({ id }, number, signed) => {
      const stored = (await store.requests.get(id))!;
      const revision = { request: fromHex(id), number, psbt: psbtOf(signed.view) };
      await keepRequest(context, { request: requestCodec.decode(stored.body), revision, idempotencyKey: null });
    },
    look: async ({ id, watched }) => {
      await follower.look(watched, await esplora.status(watched.txid), await esplora.tip());
      return (await store.transactions.get(id))!;
    },
    close: () => chain.close(),
  };
  await store.addresses.raise(toHex(view.keyId), RECEIVE, 8);
  await store.addresses.raise(toHex(view.keyId), CHANGE, 4);
  return desk;
}

const wallTimer = (delayMs: number, fire: () => void) => {
  const timer = setTimeout(fire, delayMs);
  return { cancel: () => clearTimeout(timer) };
};

function rethrow(error: unknown): never {
  throw error;
}
