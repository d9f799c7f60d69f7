/** What the parts of a node share. */
import type { NetworkName, PaymentPolicy, SecondOpinion } from "@conclave/bitcoin";
import type { NodeId, Roster, TransactionState } from "@conclave/consensus";
import type { CustodyEvent, CustodyPort } from "@conclave/custody";
import type { BitcoinChain } from "./chain-port.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Clock, Ledger, Timer } from "./ports.ts";
import type { Store } from "./store/port.ts";
import type { Timings } from "./timings.ts";

/** Something happened that people or an observer may want to see as it happens. */
export type Notice =
  | Exclude<CustodyEvent, { kind: "send" | "close" | "witnessed" }>
  | {
      readonly kind: "state";
      readonly request: string;
      readonly state: TransactionState;
      readonly reason: string | null;
      readonly confirmations: number;
      readonly bitcoinTxid: string | null;
    }
  | { readonly kind: "link"; readonly node: NodeId; readonly up: boolean }
  | { readonly kind: "problem"; readonly message: string };

export interface Context {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly network: NetworkName;
  readonly policy: Omit<PaymentPolicy, "changeIndex">;
  readonly threshold: number;
  readonly quorum: number;
  /** Blocks after which locks are released; proven to custody. */
  readonly burialDepth: number;
  /** Blocks after which a payment is shown as confirmed. */
  readonly requiredConfirmations: number;
  readonly custody: CustodyPort;
  readonly store: Store;
  readonly chain: BitcoinChain;
  readonly secondOpinion: SecondOpinion;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly timings: Timings;
  /** Where everything happens that must not wait for the chain: frames, custody's events, timers. */
  readonly mailbox: Mailbox;
  /** Where questions to the chain are asked, which may take seconds. */
  readonly slowLane: Mailbox;
  readonly isUp: (node: NodeId) => boolean;
  /** Carry out what custody said. Only from work on the mailbox. */
  readonly act: (events: readonly CustodyEvent[]) => Promise<void>;
  /** The same from anywhere else: joins the mailbox's queue. */
  readonly submit: (events: readonly CustodyEvent[]) => Promise<void>;
  readonly notify: (notice: Notice) => void;
  readonly audit: (
    action: string,
    subject: string,
    detail?: Readonly<Record<string, string | number | boolean | null>>,
  ) => Promise<void>;
}

/** Run work on the node's mailbox after a while. */
export const later = ({ clock, mailbox }: Context, delayMs: number, work: () => Promise<void>): Timer =>
  clock.schedule(delayMs, () => mailbox.post(work));
