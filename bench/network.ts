/**
 * `conclave up` as its user meets it: from the start of the process to the first confirmed payment, and payments after it; then
 * a network with an ECDSA key: how long that takes to make, P2WPKH payments, and messages signed by all nodes together.
 */
import { loadavg } from "node:os";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { rounded, type Line } from "./harness.ts";
import { startNetwork, type LocalNetwork } from "./network/local.ts";
import { signMany, type Signing } from "./network/messages.ts";

export interface BenchOptions {
  /** Payments after the first, of each kind. Default 20. */
  readonly payments?: number;
  /** How long messages are signed without presignatures, in seconds. Default 20. */
  readonly signingSeconds?: number;
  /** Receives each line as soon as it is known. */
  readonly print: (line: Figure) => void;
}

/** One line of output. Times in milliseconds, of all nodes together on this machine. */
export type Figure = Pick<Line, "peer" | "op" | "n" | "t" | "reps" | "node"> & {
  readonly ms_p50: number;
  readonly ms_p99: number;
  /** How busy the machine is: its load over the last minute, this benchmark's own included. */
  readonly load: number;
  /** Of the phases of a start, as the command reports them. */
  readonly phases?: Readonly<Record<string, number>>;
  /** Of messages: signatures in a minute, and how often an attempt at one was aborted at any node. */
  readonly per_minute?: number;
  readonly aborted?: number;
  /** The network between nodes in processes of their own. */
  readonly transport?: string;
  /** Added to every frame between two nodes, one way. */
  readonly delay_ms?: number;
  /** Memory of one node's process, the largest of all: resident now, and the most it ever was. */
  readonly rss_mib?: number;
  readonly rss_peak_mib?: number;
};

const SHAPE = { peer: "conclave-up", n: 5, t: 4, node: process.version } as const;
const AMOUNT_SATS = 10_000;
/** Far below what a payment takes, and within the 600 reads that a node answers in a minute. */
const LOOK_MS = 40;
const KEY_LOOK_MS = 250;
/** As many messages under way as keep every node busy. */
const AT_ONCE = 20;
/** Messages one after the other, each when the one before is signed. */
const ALONE = 10;
/** Of one request, and of all that wait. */
const PREPARED_AT_ONCE = 20;
const PREPARED = 60;

export async function run({ payments = 20, signingSeconds = 20, print }: BenchOptions): Promise<void> {
  await benchTaproot(payments, print);
  await benchEcdsa({ payments, signingSeconds }, print);
}

async function benchTaproot(payments: number, print: BenchOptions["print"]): Promise<void> {
  const startMs = performance.now();
  const network = await startNetwork(["--in-process", "--taproot-only"]);
  try {
    await network.phase("confirmed");
    print(figure("start-to-confirmed", [performance.now() - startMs], { phases: network.phases() }));
    const times: number[] = [];
    for (let i = 0; i < payments; i++) times.push(await payAndLook(network, AMOUNT_SATS + i));
    print(figure("payment-to-broadcast", times));
  } finally {
    await network.stop();
  }
}

async function benchEcdsa(
  { payments, signingSeconds }: { readonly payments: number; readonly signingSeconds: number },
  print: BenchOptions["print"],
): Promise<void> {
  const network = await startNetwork(["--in-process", "--fund-segwit"]);
  try {
    await network.phase("confirmed");
    const { ms } = await network.phase("segwit key");
    const { key, madeMs, answersMs } = await makeMessageKey(network);
    print(figure("keygen-with-setup", [ms, madeMs]));
    print(figure("status-while-keygen", answersMs));
    await benchP2wpkh(network, payments, print);
    const alone = { key, atOnce: 1, until: { messages: ALONE } };
    const atOnce = { key, atOnce: AT_ONCE };
    print(signingFigure("message", await signMany(network, alone)));
    print(signingFigure("messages", await signMany(network, { ...atOnce, until: { seconds: signingSeconds } })));
    print(figure("presign-20", await prepare(network, key)));
    print(signingFigure("message-presigned", await signMany(network, alone)));
    const rest = { ...atOnce, until: { messages: PREPARED - ALONE } };
    print(signingFigure("messages-presigned", await signMany(network, rest)));
  } finally {
    await network.stop();
  }
}

/** From the request to the key in use at every node; and how long a node takes to say how the cluster is meanwhile. */
export async function makeMessageKey(network: Pick<LocalNetwork, "apis" | "get" | "post" | "mark" | "event">) {
  const from = network.mark();
  const startMs = Date.now();
  await network.post(0, "/api/v1/keys", { name: "bench" });
  const made = Promise.all(
    network.apis.map((_, node) => network.event(from, (event) => event.event === "keyActive" && event.place === node)),
  );
  const over = new AbortController();
  const stop = (): void => over.abort();
  made.then(stop, stop);
  const answersMs: number[] = [];
  while (!over.signal.aborted) {
    for (const node of network.apis.keys()) {
      const askedMs = performance.now();
      await network.get(node, "/api/v1/cluster/status");
      answersMs.push(performance.now() - askedMs);
    }
    await delay(KEY_LOOK_MS);
  }
  const events = await made;
  return { key: events[0]!.key!, madeMs: Math.max(...events.map(({ at_ms: atMs }) => atMs)) - startMs, answersMs };
}

/** One coin each. The first node coordinates for the first quarter of an hour: what it says is when it happened. */
async function benchP2wpkh(network: LocalNetwork, payments: number, print: BenchOptions["print"]): Promise<void> {
  const [sinceApproval, sincePost]: [number[], number[]] = [[], []];
  for (let i = 0; i < payments; i++) {
    const from = network.mark();
    const postedMs = Date.now();
    const txid = await pay(network, { amount_sats: AMOUNT_SATS + i, account: "segwit" });
    const reached = async (state: string): Promise<number> =>
      (await network.event(from, (event) => event.place === 0 && event.request === txid && event.state === state))
        .at_ms;
    const [approvedMs, broadcastMs] = [await reached("approved"), await reached("broadcasting")];
    sinceApproval.push(broadcastMs - approvedMs);
    sincePost.push(broadcastMs - postedMs);
    await reached("confirmed");
  }
  print(figure("p2wpkh-approval-to-broadcast", sinceApproval));
  print(figure("p2wpkh-payment-to-broadcast", sincePost));
}

/** Presignatures, until as many wait as the next measurement uses. Milliseconds of each request, to the last of its signers. */
export async function prepare(
  network: Pick<LocalNetwork, "apis" | "mark" | "events" | "post">,
  key: string,
  wanted = PREPARED,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let made = 0; made < wanted; made += PREPARED_AT_ONCE) {
    const from = network.mark();
    const startMs = Date.now();
    const node = (made / PREPARED_AT_ONCE) % network.apis.length;
    await network.post(node, `/api/v1/keys/${key}/presignatures`, { count: PREPARED_AT_ONCE });
    const holders = await network.events(from, SHAPE.t, ({ event }) => event === "presigned");
    times.push(Math.max(...holders.map(({ at_ms: atMs }) => atMs)) - startMs);
  }
  return times;
}

async function pay(network: LocalNetwork, wish: Readonly<Record<string, unknown>>): Promise<string> {
  const { address } = await network.phase("wallet");
  const payment = await network.post(0, "/api/v1/transactions", { recipient: address, ...wish }, randomUUID());
  return payment["txid"] as string;
}

/** Milliseconds from the request to the payment's arrival in the network, as a client sees it. */
async function payAndLook(network: LocalNetwork, amountSats: number): Promise<number> {
  const startMs = performance.now();
  const txid = await pay(network, { amount_sats: amountSats });
  await looked(network, txid, ["broadcasting", "confirmed"]);
  const tookMs = performance.now() - startMs;
  await looked(network, txid, ["confirmed"]);
  return tookMs;
}

async function looked(network: LocalNetwork, txid: string, states: readonly string[]): Promise<void> {
  while (!states.includes((await network.get(0, `/api/v1/transactions/${txid}`))["state"] as string))
    await delay(LOOK_MS);
}

export function figure(op: string, times: readonly number[], more: Partial<Figure> = {}): Figure {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => rounded(sorted[Math.ceil(share * sorted.length) - 1]!);
  const load = rounded(loadavg()[0]!);
  return { ...SHAPE, op, ms_p50: at(0.5), ms_p99: at(0.99), reps: sorted.length, load, ...more };
}

export const signingFigure = (op: string, { tookMs, times, aborted }: Signing): Figure =>
  figure(op, times, { per_minute: rounded((times.length * 60_000) / tookMs), aborted });

if (import.meta.main) await run({ print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`) });
