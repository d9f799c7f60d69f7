/** What a node is made of, and who of them hears of what from whom. */
import type { NodeId, Roster } from "@conclave/consensus";
import type { NetworkName, PaymentPolicy, SecondOpinion } from "@conclave/bitcoin";
import { viewKey, type CustodyPort } from "@conclave/custody";
import { Accounts } from "./accounts.ts";
import { Arrivals } from "./arrivals.ts";
import { Bans } from "./bans.ts";
import type { BitcoinChain } from "./chain-port.ts";
import { Checkpointing } from "./checkpointing.ts";
import { auditRecord, type Context, type Notice } from "./context.ts";
import { Coordinator } from "./coordinator.ts";
import { CustodyNews } from "./custody-news.ts";
import { DeadEdges } from "./dead-edges.ts";
import { rekeyFailed } from "./edge-recall.ts";
import { Expiry } from "./expiry.ts";
import { History } from "./history.ts";
import { KeyRequests } from "./key-requests.ts";
import { Latest } from "./latest.ts";
import { Mailbox } from "./mailbox.ts";
import { ManualApprovals } from "./manual-approvals.ts";
import { Messages } from "./messages.ts";
import { PaymentViews } from "./payment-views.ts";
import { Payments } from "./payments.ts";
import type { Clock, Coordination, Ledger, Messenger, Transport } from "./ports.ts";
import { Reactions } from "./reactions.ts";
import { PaymentRecords } from "./records.ts";
import { CoinGuard } from "./settlement/coin-guard.ts";
import { Freezes } from "./settlement/freezes.ts";
import { Settlement } from "./settlement.ts";
import type { RequestId } from "./store/ids.ts";
import type { Store } from "./store/port.ts";
import type { Timings } from "./timings.ts";
import { WalletView, walletOfKey, type WalletViewParts } from "./wallet.ts";

/** Payments and messages whose signers are shown: the latest ones. */
const MAX_SIGNED = 1_024;

/** What a node is given. */
export interface NodeParts {
  readonly self: NodeId;
  readonly roster: Roster;
  readonly network: NetworkName;
  readonly threshold: number;
  readonly quorum: number;
  /** As in this node's custody: whether it signs hashes whose preimage it does not see. */
  readonly rawDigests: boolean;
  readonly policy: Omit<PaymentPolicy, "changeIndex">;
  readonly burialDepth: number;
  readonly requiredConfirmations: number;
  readonly custody: CustodyPort;
  readonly transport: Transport;
  /** Makes the coordination; gets messages to peers to build on. */
  readonly coordination: (messenger: Messenger) => Coordination;
  /** Why what it is built on does not help, a sentence for operators; null while it does. */
  readonly coordinationTrouble?: () => string | null;
  readonly store: Store;
  readonly chain: BitcoinChain;
  readonly secondOpinion: SecondOpinion;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly timings: Timings;
  readonly notify: (notice: Notice) => void;
  /** How addresses are derived, where many nodes of one wallet live in one process. */
  readonly derive?: WalletViewParts["derive"];
}

/** What it makes of that: each does one thing, and none knows the node. */
export interface Organs {
  readonly context: Context;
  readonly history: History;
  readonly arrivals: Arrivals;
  readonly coordination: Coordination;
  readonly accounts: Accounts;
  readonly records: PaymentRecords;
  readonly payments: Payments;
  readonly messages: Messages;
  readonly approvals: ManualApprovals;
  readonly keys: KeyRequests;
  readonly bans: Bans;
  readonly freezes: Freezes;
  readonly deadEdges: DeadEdges;
  readonly coordinator: Coordinator;
  readonly settlement: Settlement;
  readonly expiry: Expiry;
  readonly checkpointing: Checkpointing;
  /** Who signed each payment and message, as far as this process saw it. */
  readonly signers: Map<RequestId, readonly NodeId[]>;
  /** A new active key that holds coins of our network becomes an account of the wallet. */
  readonly adoptKeys: () => Promise<void>;
}

/** Nothing is started, and no port is used yet. */
export function assemble(parts: NodeParts): Organs {
  const accounts = new Accounts();
  const signers = new Latest<RequestId, readonly NodeId[]>(MAX_SIGNED);
  const report = (error: unknown): void => {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    parts.notify({ kind: "problem", message });
  };
  const mailbox = new Mailbox(report);
  const history = new History(parts);
  const { store } = history;
  const context: Context = {
    ...parts,
    store,
    history,
    news: new CustodyNews(parts),
    mailbox,
    slowLane: new Mailbox(report),
    isUp: (node) => parts.transport.isUp(node),
    frozen: (wallet) => accounts.ofKey(wallet)?.frozen ?? null,
    act: (events) => reactions.act(events),
    submit: (events) => mailbox.run(() => reactions.act(events)),
    audit: async (action, subject, detail) => {
      await store.audit.append(auditRecord(parts, action, subject, detail));
    },
  };
  const arrivals = new Arrivals({
    context,
    transport: parts.transport,
    retell: (request, peer) => reactions.retell(request, peer, { always: true }),
    retryWaiting: () => coordinator.retryWaiting(),
    report,
  });
  const coordination = parts.coordination(arrivals.delivery);
  const records = new PaymentRecords(context);
  const views = new PaymentViews(accounts, store);
  const payments = new Payments({ context, records, accounts, views });
  const messages = new Messages(context);
  const consider = (id: Uint8Array, revision: number): void => payments.consider(id, revision);
  const approvals = new ManualApprovals({ context, views, consider });
  const bans = new Bans(context);
  const checkpointing = new Checkpointing(context);
  const deadEdges = new DeadEdges(parts.roster.nodes.map(({ id }) => id));
  const freezes = new Freezes(context, accounts);
  const guard = new CoinGuard({ context, accounts, views, freezes });
  const settlement = new Settlement(context, records, views, () => guard.look());
  const coordinator = new Coordinator(context, async (request, reason) => {
    await records.apply(request, { kind: "retriesExhausted" }, { reason });
    await messages.failed(request, reason);
    await rekeyFailed(context, deadEdges, request);
  });
  const adopt = (): Promise<void> => adoptKeys(context, accounts, parts.derive);
  const reactions = new Reactions({
    context,
    delivery: arrivals.delivery,
    coordination,
    records,
    payments,
    messages,
    approvals,
    bans,
    checkpointing,
    deadEdges,
    coordinator,
    settlement,
    signers,
    adoptKeys: adopt,
  });
  return {
    context,
    history,
    arrivals,
    coordination,
    accounts,
    records,
    payments,
    messages,
    approvals,
    keys: new KeyRequests(context),
    bans,
    freezes,
    deadEdges,
    coordinator,
    settlement,
    expiry: new Expiry(context, records),
    checkpointing,
    signers,
    adoptKeys: adopt,
  };
}

async function adoptKeys(context: Context, accounts: Accounts, derive: NodeParts["derive"]): Promise<void> {
  const { news, chain, store, network, clock } = context;
  for (const { key, record } of (await news.ask()).keys) {
    const found = walletOfKey(viewKey(record), network);
    if (found === null || accounts.get(found.account) !== undefined) continue;
    accounts.add(
      new WalletView({
        ...found,
        keyId: key,
        chain,
        network,
        addresses: store.addresses,
        clock,
        ...(derive && { derive }),
      }),
    );
  }
}
