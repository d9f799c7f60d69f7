/** Clients of a simulated cluster: each brings one wish to one node and asks until it has an answer. */
import {
  AddressError,
  deriveScript,
  FeeTooHigh,
  FeeTooLow,
  InsufficientFunds,
  OutputBelowDust,
  sats,
  TooManyInputs,
  type Wallet,
} from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import type { Scheme } from "@conclave/keys";
import { ChainLied, ChainRefused, ChainUnreachable } from "../chain-port.ts";
import type { ConclaveNode } from "../node.ts";
import { SpendingRefused, WalletNotReady } from "../payments.ts";
import type { RequestId } from "../store/ids.ts";
import { StoreUnavailable } from "../store/outcome.ts";
import type { VirtualClock } from "./clock.ts";
import type { Machine } from "./machine.ts";
import type { Wish } from "./scenario.ts";

/** What a client knows of its wish. */
export interface Client {
  readonly wish: Wish;
  readonly answers: Set<RequestId>;
  refused: string | null;
}

export interface ClientParts {
  readonly clock: VirtualClock;
  readonly machines: readonly Machine[];
  readonly wallet: Wallet;
  /** Of the wallet's key. */
  readonly scheme: Scheme;
  readonly tell: (node: NodeId, what: string) => void;
  /** A client was told what no node may say. */
  readonly complain: (what: string) => void;
}

const PATIENCE_MS = 1_000;
const KEY_PATIENCE_MS = 10_000;

export class Clients {
  readonly all: Client[] = [];
  readonly #parts: ClientParts;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  wish(wish: Wish): void {
    const client: Client = { wish, answers: new Set(), refused: null };
    this.all.push(client);
    for (let i = 0; i < (wish.kind === "said twice" ? 2 : 1); i++) this.#ask(client);
  }

  /** The operator of the first node wants a wallet, and asks until there is one. */
  wantKey(): void {
    const { clock, machines, scheme } = this.#parts;
    const node = machines[0]!.node;
    if (node !== null && node.accounts.length === 0) node.requestWalletKey(scheme).catch(() => {});
    clock.schedule(KEY_PATIENCE_MS, () => this.wantKey());
  }

  /** Repeated after a crash, a silent chain, a missing wallet: that is what an idempotency key is for. */
  #ask(client: Client): void {
    const { clock, machines, tell } = this.#parts;
    const { wish } = client;
    const machine = machines[wish.node]!;
    const { node } = machine;
    const again = (): void => void clock.schedule(PATIENCE_MS, () => this.#ask(client));
    if (node === null) return again();
    let answered = false;
    this.#create(node, wish).then(
      (id) => {
        answered = true;
        client.answers.add(id);
        tell(machine.self, `takes ${wish.name} in as ${id.slice(0, 8)}`);
      },
      (error: unknown) => {
        answered = true;
        if (AGAIN.some((passing) => error instanceof passing)) return again();
        this.#refuse(client, error);
      },
    );
    const watch = (): void => {
      if (answered) return;
      if (machine.node !== node) this.#ask(client);
      else clock.schedule(PATIENCE_MS, watch);
    };
    clock.schedule(PATIENCE_MS, watch);
  }

  #create(node: ConclaveNode, wish: Wish): Promise<RequestId> {
    const recipient = wish.kind === "bad address" ? "bcrt1qnothing" : this.#recipient(wish);
    const amount = sats(wish.kind === "too much" ? 90_000_000n : wish.amount);
    return node.createPayment({
      account: null,
      recipient,
      amount,
      feeRate: null,
      metadata: null,
      idempotencyKey: wish.name,
    });
  }

  #refuse(client: Client, error: unknown): void {
    client.refused = String(error);
    if (!REFUSALS.some((refusal) => error instanceof refusal))
      this.#parts.complain(`a client of node ${client.wish.node + 1} was told: ${client.refused}`);
  }

  /** Somebody else's wallet: an address of its own for every wish. */
  #recipient({ name }: Wish): string {
    const wallet = { ...this.#parts.wallet, chainCode: new Uint8Array(32).fill(7) };
    return deriveScript(wallet, 0, Number(name.split(" ")[1])).address;
  }
}

/** What may be over when a client asks again. */
const AGAIN = [ChainLied, ChainRefused, ChainUnreachable, StoreUnavailable, WalletNotReady];
const REFUSALS = [
  AddressError,
  FeeTooHigh,
  FeeTooLow,
  InsufficientFunds,
  OutputBelowDust,
  SpendingRefused,
  TooManyInputs,
];
