/** One account of the wallet as the chain shows it to this node: coins, addresses, balance. */
import { toHex } from "@conclave/bytes";
import {
  CHANGE,
  deriveScript,
  isMature,
  networks,
  outpointKey,
  parseTransaction,
  RECEIVE,
  sats,
  stripWitnesses,
  sumSats,
  TransactionError,
  txidOf,
  type Branch,
  type Coin,
  type KnownCoin,
  type NetworkName,
  type PaymentView,
  type Sats,
  type Wallet,
  type WalletScript,
} from "@conclave/bitcoin";
import type { KeyView } from "@conclave/custody";
import { accountOf, type Account } from "./accounts.ts";
import { AddressRest } from "./address-rest.ts";
import { CoinProofs } from "./coin-proofs.ts";
import { ChainLied, ChainUnreachable, type BitcoinChain, type Utxo } from "./chain-port.ts";
import { Latest } from "./latest.ts";
import type { Clock } from "./ports.ts";
import type { Addresses } from "./store/addresses.ts";

/** Unused addresses looked at beyond the last used one (BIP44's gap limit). */
const GAP_LIMIT = 20;
/** How far beyond the next index a change output may point: room for payments under way on other nodes. */
const CHANGE_WINDOW = 20;

/** Transactions of which it is remembered whether they are a coinbase: more than a wallet has coins of at a time. */
const MAX_COINBASE = 1_000;

export interface WalletBalance {
  readonly confirmed: Sats;
  readonly unconfirmed: Sats;
  readonly locked: Sats;
  readonly immature: Sats;
  readonly spendable: Sats;
  readonly height: number;
}

export interface WalletViewParts {
  readonly account: Account;
  readonly wallet: Wallet;
  readonly keyId: Uint8Array;
  readonly chain: BitcoinChain;
  readonly network: NetworkName;
  readonly addresses: Addresses;
  readonly clock: Clock;
  /** `deriveScript`, or one that remembers: an address costs a millisecond. */
  readonly derive?: typeof deriveScript;
}

export class WalletView {
  readonly account: Account;
  readonly wallet: Wallet;
  readonly keyId: Uint8Array;
  readonly #chain: BitcoinChain;
  readonly #addresses: Addresses;
  readonly #derive: typeof deriveScript;
  readonly #clock: Clock;
  readonly #rest = new AddressRest();
  readonly #proofs: CoinProofs;
  /** Addresses where coins were seen since the guard last accounted for all that happened to them. */
  readonly #unsettled = new Set<string>();
  readonly #scripts = new Map<string, WalletScript>();
  readonly #coinbase = new Latest<string, boolean>(MAX_COINBASE);
  #scanned = false;
  /** Why nothing is made, voted on or opened that spends its coins; null while all is well. */
  frozen: string | null = null;

  constructor(parts: WalletViewParts) {
    this.account = parts.account;
    this.wallet = parts.wallet;
    this.keyId = parts.keyId;
    this.#chain = parts.chain;
    this.#addresses = parts.addresses;
    this.#clock = parts.clock;
    this.#proofs = new CoinProofs(parts.chain, parts.network);
    this.#derive = parts.derive ?? deriveScript;
  }

  script(branch: Branch, index: number): WalletScript {
    const key = addressKey({ branch, index });
    const known = this.#scripts.get(key) ?? this.#derive(this.wallet, branch, index);
    this.#scripts.set(key, known);
    return known;
  }

  /** The next receive address that nobody has paid to. */
  async address(): Promise<WalletScript> {
    await this.#scan();
    for (;;) {
      const script = this.script(RECEIVE, await this.#next(RECEIVE));
      if ((await this.#chain.history(script.scriptPubKey)).length === 0) return script;
      await this.#addresses.raise(this.#id, RECEIVE, script.index + 1);
    }
  }

  /** The change address for a payment: counted as used, so that two payments do not share one. */
  async takeChange(): Promise<WalletScript> {
    await this.#scan();
    return this.script(CHANGE, await this.#addresses.take(this.#id, CHANGE));
  }

  /** Change indices that this node accepts in others' payments. */
  async changeWindow(): Promise<{ from: number; to: number }> {
    return { from: 0, to: (await this.#next(CHANGE)) + CHANGE_WINDOW };
  }

  /** A payment of another node used this change index. */
  async noteChange(index: number): Promise<void> {
    this.#rest.wake(addressKey({ branch: CHANGE, index }));
    await this.#addresses.raise(this.#id, CHANGE, index + 1);
  }

  /** The coins of the wallet, as far as the chain proves them. One that came late to an address long empty may be missing for as long as `AddressRest` says. */
  async coins(): Promise<readonly Coin[]> {
    const nowMs = this.#clock.nowMs();
    const newest = (await this.#next(RECEIVE)) - GAP_LIMIT;
    const due = (await this.watchedScripts()).filter(
      ({ branch, index }) =>
        (branch === RECEIVE && index >= newest) || this.#rest.isDue(addressKey({ branch, index }), nowMs),
    );
    const found = await Promise.all(due.map((script) => this.#coinsOf(script)));
    return found.flat();
  }

  /** Every address that may hold coins: those in use, and the next ones. */
  async watchedScripts(): Promise<readonly WalletScript[]> {
    await this.#scan();
    return [...(await this.#watched(RECEIVE)), ...(await this.#watched(CHANGE))];
  }

  /** Whether coins were seen at an address, and not yet all accounted for by `settle`. */
  isUnsettled(script: WalletScript): boolean {
    return this.#unsettled.has(addressKey(script));
  }

  /** What an address's history says: with coins, or a spend that nothing explains yet, it is to be looked at again soon. */
  settle(script: WalletScript, isSettled: boolean): void {
    if (isSettled) this.#unsettled.delete(addressKey(script));
    else this.#unsettled.add(addressKey(script));
  }

  /**
   * The coins with what signers want to see of them: for P2WPKH the whole transaction that made each, checked against its id.
   * Throws what the chain throws, `ChainUnreachable` for a transaction that it does not give out now, `ChainLied` where it said
   * another value.
   */
  async proven(coins: readonly Coin[]): Promise<readonly Coin[]> {
    if (this.wallet.scriptType === "p2tr") return coins;
    return Promise.all(
      coins.map(async (coin) => {
        const previous = await this.#previous(coin.outpoint.txid);
        const made = parseTransaction(previous).outputs[coin.outpoint.vout];
        if (made?.value !== coin.value)
          throw new ChainLied(
            `${outpointKey(coin.outpoint)} is not worth ${coin.value} sat by the transaction that made it`,
          );
        return { ...coin, previous };
      }),
    );
  }

  async #previous(txid: string): Promise<Uint8Array> {
    const rawTx = await this.#chain.rawTransaction(txid);
    if (rawTx === null)
      throw new ChainUnreachable(`the chain does not give out transaction ${txid}, which made a coin`);
    return checkedPrevious(txid, rawTx);
  }

  /** What this node's chain knows of the coins that a payment spends. */
  async knownCoins(view: PaymentView): Promise<readonly KnownCoin[]> {
    const scripts = new Map(view.inputs.map(({ own }) => [addressKey(own), own]));
    const found = await Promise.all([...scripts.values()].map((script) => this.#coinsOf(script)));
    const unspent = found.flat().map((coin): KnownCoin => ({ ...coin, spentBy: null }));
    const missing = view.inputs.filter(
      ({ outpoint }) => !unspent.some((coin) => outpointKey(coin.outpoint) === outpointKey(outpoint)),
    );
    const spent = await Promise.all(missing.map((input) => this.#spentCoin(input)));
    return [...unspent, ...spent.flatMap((coin) => coin ?? [])];
  }

  async balance(locked: ReadonlySet<string>): Promise<WalletBalance> {
    const [coins, { height }] = await Promise.all([this.coins(), this.#chain.tip()]);
    const sum = (chosen: readonly Coin[]): Sats => sumSats(chosen.map(({ value }) => value));
    const confirmed = coins.filter((coin) => coin.height !== null);
    const immature = confirmed.filter((coin) => !isMature(coin, height));
    const held = confirmed.filter((coin) => isMature(coin, height) && locked.has(outpointKey(coin.outpoint)));
    return {
      confirmed: sum(confirmed),
      unconfirmed: sum(coins.filter((coin) => coin.height === null)),
      locked: sum(held),
      immature: sum(immature),
      spendable: sats(sum(confirmed) - sum(immature) - sum(held)),
      height,
    };
  }

  get #id(): string {
    return toHex(this.keyId);
  }

  #next(branch: Branch): Promise<number> {
    return this.#addresses.next(this.#id, branch);
  }

  async #watched(branch: Branch): Promise<readonly WalletScript[]> {
    const next = await this.#next(branch);
    return Array.from({ length: next + 2 }, (_, index) => this.script(branch, index));
  }

  /** Once: find addresses in use that the store does not know, as after a restore. */
  async #scan(): Promise<void> {
    if (this.#scanned) return;
    for (const branch of [RECEIVE, CHANGE]) {
      let next = await this.#next(branch);
      for (let index = next; index < next + GAP_LIMIT; index++) {
        const used = (await this.#chain.history(this.script(branch, index).scriptPubKey)).length > 0;
        if (used) next = index + 1;
      }
      await this.#addresses.raise(this.#id, branch, next);
    }
    this.#scanned = true;
  }

  async #coinsOf({ branch, index, scriptPubKey }: WalletScript): Promise<readonly Coin[]> {
    const utxos = await this.#chain.utxos(scriptPubKey);
    const address = addressKey({ branch, index });
    this.#rest.answered(address, utxos.length > 0, this.#clock.nowMs());
    if (utxos.length > 0) this.#unsettled.add(address);
    const coins = await Promise.all(utxos.map((utxo) => this.#coinOf(utxo, branch, index)));
    return coins.flatMap((coin) => coin ?? []);
  }

  async #coinOf(utxo: Utxo, branch: Branch, index: number): Promise<Coin | null> {
    const proven = await this.#proofs.look(utxo);
    return proven && { outpoint: utxo.outpoint, value: sats(utxo.value), branch, index, ...proven };
  }

  async #isCoinbase(txid: string): Promise<boolean> {
    const known = this.#coinbase.get(txid);
    if (known !== undefined) return known;
    const transaction = await this.#chain.transaction(txid);
    const coinbase = transaction?.inputs[0]?.claimedPrevout === null;
    this.#coinbase.set(txid, coinbase);
    return coinbase;
  }

  async #spentCoin({ outpoint, own }: PaymentView["inputs"][number]): Promise<KnownCoin | null> {
    const [transaction, spender] = await Promise.all([
      this.#chain.transaction(outpoint.txid),
      this.#chain.outspend(outpoint),
    ]);
    const output = transaction?.outputs[outpoint.vout];
    if (transaction === null || output === undefined || spender === null) return null;
    const height = transaction.position.kind === "confirmed" ? transaction.position.height : null;
    const { branch, index } = own;
    const coinbase = await this.#isCoinbase(outpoint.txid);
    return { outpoint, value: sats(output.value), branch, index, height, coinbase, spentBy: spender.txid };
  }
}

const addressKey = ({ branch, index }: Pick<WalletScript, "branch" | "index">): string => `${branch}/${index}`;

function checkedPrevious(txid: string, rawTx: Uint8Array): Uint8Array {
  try {
    if (txidOf(parseTransaction(rawTx)) === txid) return stripWitnesses(rawTx);
  } catch (cause) {
    if (!(cause instanceof TransactionError)) throw cause;
    throw new ChainLied(`asked for ${txid}, the chain gave bytes that are no transaction`, { cause });
  }
  throw new ChainLied(`asked for ${txid}, the chain gave another transaction`);
}

/** The account and wallet of a key; null for a key that holds no coins of this network. */
export const walletOfKey = (
  { scheme, purpose, publicKey, chainCode }: KeyView,
  network: NetworkName,
): { readonly account: Account; readonly wallet: Wallet } | null => {
  const account = accountOf(scheme);
  if (account === undefined || purpose !== `wallet/${network}`) return null;
  const scriptType = account === "taproot" ? "p2tr" : "p2wpkh";
  return { account, wallet: { network: networks[network], scriptType, publicKey, chainCode } };
};
