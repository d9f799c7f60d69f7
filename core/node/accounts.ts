/**
 * The wallet's accounts: a key and a kind of address each. A payment spends from one of them, which decides the protocol that
 * signs it.
 */
import { toHex } from "@conclave/bytes";
import type { WalletView } from "./wallet.ts";

/** In the order in which they are asked to pay: Taproot is cheaper to spend from and quicker to sign for. */
export const ACCOUNTS = ["taproot", "segwit"] as const;
export type Account = (typeof ACCOUNTS)[number];

/** House rule: Taproot is signed by FROST, P2WPKH by threshold ECDSA. */
const SCHEME_OF = {
  taproot: "frost-secp256k1-taproot",
  segwit: "dkls23-secp256k1",
} as const satisfies Readonly<Record<Account, string>>;

/** The account that a wallet key of this scheme holds; undefined for a scheme that holds none. */
export const accountOf = (scheme: string): Account | undefined =>
  ACCOUNTS.find((account) => SCHEME_OF[account] === scheme);

/** The scheme of an account's key. */
export const schemeOf = (account: Account): (typeof SCHEME_OF)[Account] => SCHEME_OF[account];

export class Accounts {
  readonly #views = new Map<Account, WalletView>();

  /** An account keeps its first key: nobody could say which of two addresses is the cluster's. */
  add(view: WalletView): void {
    if (!this.#views.has(view.account)) this.#views.set(view.account, view);
  }

  /** Undefined while the account has no key. */
  get(account: Account): WalletView | undefined {
    return this.#views.get(account);
  }

  /** The account that a request names by its key. */
  ofKey(key: Uint8Array): WalletView | undefined {
    return this.all().find(({ keyId }) => toHex(keyId) === toHex(key));
  }

  all(): readonly WalletView[] {
    return ACCOUNTS.flatMap((account) => this.#views.get(account) ?? []);
  }
}
