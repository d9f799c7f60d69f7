/** What the parts of a node share. */
import type { NetworkName, PaymentPolicy, SecondOpinion } from "@conclave/bitcoin";
import type { NodeId, Roster, TransactionState } from "@conclave/consensus";
import type { CustodyEvent, CustodyPort } from "@conclave/custody";
import type { Account } from "./accounts.ts";
import type { BitcoinChain } from "./chain-port.ts";
import type { CustodyNews } from "./custody-news.ts";
import type { History } from "./history.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Clock, Ledger, Timer } from "./ports.ts";
import type { AuditDetail, AuditRecord } from "./store/audit.ts";
import type { MessageState } from "./store/messages.ts";
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
  | {
      readonly kind: "message";
      readonly request: string;
      readonly state: MessageState;
      readonly reason: string | null;
    }
  /** Somebody spent an account's coins and nobody knows why; or that is cleared up. */
  | {
      readonly kind: "wallet";
      readonly account: Account;
      readonly frozen: boolean;
      readonly txid: string;
      readonly reason: string;
    }
  /** An operator should look now. The message says what happened and what to do. */
  | { readonly kind: "alert"; readonly code: "node-banned" | "halted"; readonly message: string }
  | { readonly kind: "link"; readonly node: NodeId; readonly up: boolean }
  | { readonly kind: "problem"; readonly message: string };

export interface Context {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly network: NetworkName;
  readonly policy: Omit<PaymentPolicy, "changeIndex">;
  readonly threshold: number;
  readonly quorum: number;
  /** Whether this node takes in hashes whose preimage it does not see; custody decides on its own. */
  readonly rawDigests: boolean;
  /** Blocks after which locks are released; proven to custody. */
  readonly burialDepth: number;
  /** Blocks after which a payment is shown as confirmed. */
  readonly requiredConfirmations: number;
  readonly custody: CustodyPort;
  /** What custody last said of itself: for those who look on and must not wait for it. */
  readonly news: CustodyNews;
  /** History, waited for while it is away: it catches up with what custody said. */
  readonly store: Store;
  readonly history: Pick<History, "keepsUp" | "orAway">;
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
  /** Why nothing is to be opened that spends with this key; null while it may be. */
  readonly frozen: (wallet: Uint8Array) => string | null;
  /** Carry out what custody said. Only from work on the mailbox. */
  readonly act: (events: readonly CustodyEvent[]) => Promise<void>;
  /** The same from anywhere else: joins the mailbox's queue. */
  readonly submit: (events: readonly CustodyEvent[]) => Promise<void>;
  readonly notify: (notice: Notice) => void;
  readonly audit: (action: string, subject: string, detail?: AuditDetail) => Promise<void>;
}

/** An entry of the audit log, for those who write it together with what it is about: one write to disk, and never one alone. */
export const auditRecord = (
  { clock, self }: Pick<Context, "clock" | "self">,
  action: string,
  subject: string,
  detail: AuditDetail = {},
): AuditRecord => ({ atMs: clock.nowMs(), actor: self, action, subject, detail });

/** Run work on the node's mailbox after a while. */
export const later = ({ clock, mailbox }: Context, delayMs: number, work: () => Promise<void>): Timer =>
  clock.schedule(delayMs, () => mailbox.post(work));
