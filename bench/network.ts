/** `conclave up` as its user meets it: from the start of the process to the first confirmed payment, and payments after it. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { rounded, type Line } from "./harness.ts";

export interface BenchOptions {
  /** Payments after the first. Default 20. */
  readonly payments?: number;
  /** Receives each line as soon as it is known. */
  readonly print: (line: Figure) => void;
}

/** One line of output. Times in milliseconds, of all nodes together on this machine. */
export type Figure = Pick<Line, "peer" | "op" | "n" | "t" | "reps" | "node"> & {
  readonly ms_p50: number;
  readonly ms_p99: number;
  /** Of the phases of a start, as the command reports them. */
  readonly phases?: Readonly<Record<string, number>>;
};

const COMMAND = join(import.meta.dirname, "..", "bin", "conclave.js");
const SHAPE = { peer: "conclave-up", n: 5, t: 4, node: process.version } as const;
const AMOUNT_SATS = 10_000;
/** Far below what a payment takes, and within the 600 reads that a node answers in a minute. */
const LOOK_MS = 40;

interface Phase {
  readonly phase: string;
  readonly ms: number;
  readonly apis?: readonly string[];
  readonly address?: string;
}

/** Starts a network in a folder of its own, measures, stops it and removes the folder. */
export async function run({ payments = 20, print }: BenchOptions): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "conclave-bench-"));
  const startMs = performance.now();
  const child = spawn(process.execPath, [COMMAND, "up", "--json", "--data", data, "--port-base", String(portBase())], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    const phases: Phase[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      phases.push(JSON.parse(line) as Phase);
      if (phases.at(-1)!.phase === "confirmed") break;
    }
    const firstMs = performance.now() - startMs;
    if (phases.at(-1)?.phase !== "confirmed") throw new Error("the network ended before its first payment");
    const spent = Object.fromEntries(phases.map(({ phase, ms }) => [phase, ms]));
    print({
      ...SHAPE,
      op: "start-to-confirmed",
      ms_p50: rounded(firstMs),
      ms_p99: rounded(firstMs),
      reps: 1,
      phases: spent,
    });
    const api = phases.flatMap(({ apis = [] }) => apis)[0]!;
    const address = phases.flatMap(({ address: shown }) => shown ?? [])[0]!;
    const times = await payOneAfterTheOther({ api, address, data, payments });
    const at = (share: number): number => rounded(times[Math.ceil(share * times.length) - 1]!);
    print({ ...SHAPE, op: "payment-to-broadcast", ms_p50: at(0.5), ms_p99: at(0.99), reps: times.length });
  } finally {
    child.kill("SIGINT");
    await ended;
    rmSync(data, { recursive: true, force: true });
  }
}

/** High enough not to meet what people run, and different from run to run. */
const portBase = (): number => 34_000 + (process.pid % 20_000);

/** Ascending milliseconds from each request to its payment's arrival in the network. */
async function payOneAfterTheOther({
  api,
  address,
  data,
  payments,
}: {
  readonly api: string;
  readonly address: string;
  readonly data: string;
  readonly payments: number;
}): Promise<readonly number[]> {
  const token = readFileSync(join(data, "api-token"), "utf8").trim();
  const times: number[] = [];
  for (let i = 0; i < payments; i++) {
    const startMs = performance.now();
    const response = await fetch(`${api}/api/v1/transactions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": randomUUID(),
      },
      body: JSON.stringify({ recipient: address, amount_sats: AMOUNT_SATS + i }),
    });
    if (response.status !== 201) throw new Error(`POST: ${response.status} ${await response.text()}`);
    const { txid } = (await response.json()) as { txid: string };
    await until(`${api}/api/v1/transactions/${txid}`, ["broadcasting", "confirmed"]);
    times.push(performance.now() - startMs);
    await until(`${api}/api/v1/transactions/${txid}`, ["confirmed"]);
  }
  return times.toSorted((a, b) => a - b);
}

async function until(url: string, states: readonly string[]): Promise<void> {
  for (;;) {
    const response = await fetch(url);
    if (response.status === 200 && states.includes(((await response.json()) as { state: string }).state)) return;
    await delay(LOOK_MS);
  }
}

if (import.meta.main) await run({ print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`) });
