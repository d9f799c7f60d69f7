/** What a local network does for its user first: make a key, get coins from the faucet, pay, and see the payment confirmed. */
import { randomUUID } from "node:crypto";
import { toHex } from "@conclave/bytes";
import { sats } from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import { viewKey } from "@conclave/custody";
import { WalletNotReady, type Account, type Notice } from "@conclave/node";
import type { LocalNetwork } from "./folder.ts";
import type { LocalCluster } from "./local-cluster.ts";
import type { Notices } from "./notices.ts";
import type { Progress } from "./progress.ts";
import { DEMO_RECIPIENT } from "./recipient.ts";
import type { Speaker } from "./speaker.ts";

/** The first payment is from Taproot: its key is made, and its coins are signed for, in a second. */
const ACCOUNT: Account = "taproot";
const SCHEME = "frost-secp256k1-taproot";
const FAUCET_COINS = 2;
const FAUCET_SATS = 50_000_000n;
const DEMO_SATS = 25_000n;

export interface FirstPaymentParts {
  readonly network: LocalNetwork;
  readonly running: LocalCluster;
  readonly notices: Notices;
  readonly progress: Progress;
  /** Pay although this wallet paid before. */
  readonly always: boolean;
}

export interface Outcome {
  /** The wallet's first address: the same at every start. */
  readonly address: string;
  readonly txid: string;
  readonly confirmations: number;
  readonly signers: readonly string[];
}

/** Key, address, coins, payment. What exists already from an earlier start is not made again. Throws `PaymentFailed`. */
export async function firstPayment(parts: FirstPaymentParts): Promise<Outcome> {
  const { running, progress, always } = parts;
  await makeKey(parts);
  const node = running.voice;
  const { address, keyId } = await accountOf(node);
  progress.phase("wallet", address, { address, key: toHex(keyId) });
  await fillUp(node, running, address, progress);
  if ((await node.payments()) > 0 && !always) return { address, txid: "", confirmations: 0, signers: [] };
  return { address, ...(await pay(parts)) };
}

async function makeKey({ running, notices, progress }: FirstPaymentParts): Promise<void> {
  const total = running.speakers.length;
  const known = await Promise.all(running.speakers.map(async (node) => (await node?.account(ACCOUNT)) ?? null));
  const active = new Set(known.flatMap((account, i) => (account === null ? [] : [i])));
  if (active.size === total) return progress.phase("key", "the key of the earlier start, certified by every node");
  const everybody = notices.first("the key generation", (node, notice) => {
    if (notice.kind === "progress" && node === 0) progress.detail(roundNamed(notice.round));
    if (notice.kind === "aborted" && node === 0) progress.detail(`${notice.reason}; trying again`);
    if (notice.kind === "keyActive" && viewKey(notice.record).scheme === SCHEME) active.add(node);
    return active.size === total ? true : undefined;
  });
  await running.voice.requestWalletKey(SCHEME);
  await everybody;
  progress.phase("key", `made by ${total} nodes together, certified by all, held by none`, {
    scheme: SCHEME,
  });
}

async function accountOf(node: Speaker) {
  const account = await node.account(ACCOUNT);
  if (account === null) throw new WalletNotReady(`the ${ACCOUNT} key is not active yet`);
  return account;
}

const balanceOf = async (node: Speaker) => {
  const balance = (await node.balances()).find(({ account }) => account === ACCOUNT);
  if (balance === undefined) throw new WalletNotReady(`the ${ACCOUNT} key is not active yet`);
  return balance;
};

/** `keygen/1-commit` is told as `round 1: commit`. */
const roundNamed = (round: string): string => round.replace(/^keygen\/(\w+)-(\w+)$/, "round $1: $2");

/** Coins from the faucet, if the wallet could not pay twice. */
async function fillUp(node: Speaker, { chain }: LocalCluster, to: string, progress: Progress): Promise<void> {
  const { spendable } = await balanceOf(node);
  if (spendable >= DEMO_SATS * 2n) return;
  for (let i = 0; i < FAUCET_COINS; i++) chain.faucet(to, FAUCET_SATS);
  const { confirmed } = await balanceOf(node);
  progress.phase("faucet", `${Number(confirmed) / 1e8} BTC of regtest coins`, { confirmed_sats: Number(confirmed) });
}

/** A payment's way, as far as this command shows it. States can pass so quickly that a later one is seen first. */
const WAY = ["approved", "signing", "signed", "broadcasting", "confirmed"] as const;

const FAILED: ReadonlySet<string> = new Set([
  "rejected",
  "failed",
  "unresolved",
  "aborted_byzantine",
  "aborted_timeout",
]);

type StateNotice = Extract<Notice, { kind: "state" }>;

/** The payment ended in a state it should not have ended in. */
export class PaymentFailed extends Error {
  override readonly name = "PaymentFailed";
}

async function pay({ network, running, notices, progress }: FirstPaymentParts): Promise<Omit<Outcome, "address">> {
  const node = running.voice;
  const names = new Map((await node.nodes()).map(({ id, name }) => [id, name]));
  const heard: StateNotice[] = [];
  let request = "";
  let signers: readonly string[] = [];
  let isApproved = false;
  const nameOf = (id: NodeId): string => names.get(id) ?? id.slice(0, 8);
  const stop = notices.listen((from, notice) => {
    if (from !== 0) return;
    if (notice.kind === "state") heard.push(notice);
    if (notice.kind === "begun") {
      signers = notice.signers.map(nameOf);
      progress.detail(`signers chosen: ${signers.join(", ")}`);
    }
    // Votes that come later change nothing.
    if (notice.kind === "voted" && !isApproved)
      progress.detail(`${nameOf(notice.voter)} votes ${notice.value ? "yes" : "no"}`);
    if (notice.kind === "aborted") progress.detail(`${notice.reason}; trying again`);
    if (notice.kind === "problem") progress.detail(notice.message);
  });
  /** Resolves once the payment is there or further. */
  const reach = async (wanted: (typeof WAY)[number]): Promise<void> => {
    const later: readonly string[] = WAY.slice(WAY.indexOf(wanted));
    const decides = (notice: StateNotice): boolean =>
      notice.request === request && (later.includes(notice.state) || FAILED.has(notice.state));
    const { state, reason } =
      heard.find(decides) ??
      (await notices.first(`"${wanted}" of the payment`, (from, notice) =>
        from === 0 && notice.kind === "state" && decides(notice) ? notice : undefined,
      ));
    if (FAILED.has(state)) throw new PaymentFailed(`the payment did not go through: ${reason ?? state}`);
  };
  try {
    request = await node.createPayment({
      account: ACCOUNT,
      recipient: DEMO_RECIPIENT,
      amount: sats(DEMO_SATS),
      feeRate: null,
      metadata: null,
      idempotencyKey: randomUUID(),
    });
    progress.phase("proposed", `${DEMO_SATS} sat to ${DEMO_RECIPIENT}`, { request });
    await reach("approved");
    isApproved = true;
    progress.phase("approved", `${network.quorum} of ${network.names.length} votes`);
    await reach("signed");
    progress.phase("signed", `by ${signers.join(", ")}`, { signers });
    await reach("broadcasting");
    progress.phase("broadcast", "accepted by the chain");
    await reach("confirmed");
    const { bitcoinTxid, confirmations } = await node.payment(request);
    progress.phase("confirmed", `transaction ${bitcoinTxid}`, { txid: bitcoinTxid, confirmations });
    return { txid: bitcoinTxid ?? "", confirmations, signers };
  } finally {
    stop();
  }
}
