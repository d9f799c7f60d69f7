/** A running node as the local network's own commands use it: the same questions whether it lives in this process or not. */
import { printDescriptor, RECEIVE } from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import type { Account, ClusterView, ConclaveNode, PaymentWish } from "@conclave/node";
import type { ClusterNode } from "../cluster-node.ts";

/** Plain data: it crosses between processes. */
export interface AccountFacts {
  readonly account: Account;
  /** Of the first coins to receive: the same at every start. */
  readonly address: string;
  readonly keyId: Uint8Array;
  readonly descriptor: string;
}

export interface BalanceFacts {
  readonly account: Account;
  readonly confirmed: bigint;
  readonly spendable: bigint;
}

/** A part of a node that is not well. */
export interface Trouble {
  readonly name: string;
  /** What is wrong, and what to do. */
  readonly detail: string;
}

export interface Speaker {
  /** Null while the account has no key. */
  account(account: Account): Promise<AccountFacts | null>;
  /** Throws while there is no account. */
  balances(): Promise<readonly BalanceFacts[]>;
  requestWalletKey(scheme: Parameters<ConclaveNode["requestWalletKey"]>[0]): Promise<string>;
  createPayment(wish: PaymentWish): Promise<string>;
  /** How many payments the node knows of, counted up to a page. */
  payments(): Promise<number>;
  payment(id: string): Promise<{ readonly bitcoinTxid: string | null; readonly confirmations: number }>;
  nodes(): Promise<readonly { readonly id: NodeId; readonly name: string }[]>;
  cluster(): Promise<Pick<ClusterView, "status" | "reasons">>;
  /** What `/ready` would find fault with. */
  troubles(): Promise<readonly Trouble[]>;
  /** The chain may have moved: look at payments now. */
  chainMoved(): Promise<void>;
}

/** Names of what can be asked. */
export const QUESTIONS = [
  "account",
  "balances",
  "requestWalletKey",
  "createPayment",
  "payments",
  "payment",
  "nodes",
  "cluster",
  "troubles",
  "chainMoved",
] as const satisfies readonly (keyof Speaker)[];

/** A node of this process. */
export const speakerOf = ({ node, points }: Pick<ClusterNode, "node" | "points">): Speaker => ({
  async account(account) {
    const view = node.account(account);
    if (view === null) return null;
    const { address } = view.script(RECEIVE, 0);
    return { account, address, keyId: view.keyId, descriptor: printDescriptor(view.wallet) };
  },
  balances: async () =>
    (await node.balances()).map(({ account, confirmed, spendable }) => ({ account, confirmed, spendable })),
  requestWalletKey: (scheme) => node.requestWalletKey(scheme),
  createPayment: (wish) => node.createPayment(wish),
  payments: () => node.payments(),
  async payment(id) {
    const { bitcoinTxid, confirmations } = await node.payment(id);
    return { bitcoinTxid, confirmations };
  },
  nodes: async () => (await node.nodes()).map(({ id, name }) => ({ id, name })),
  async cluster() {
    const { status, reasons } = await node.cluster();
    return { status, reasons };
  },
  troubles: async () =>
    (await points()).flatMap(({ name, state, detail }) => (state === "ok" ? [] : [{ name, detail }])),
  async chainMoved() {
    node.chainMoved();
  },
});
