/**
 * `node scripts/faults.ts`: faults on real processes over real networks, as many as a CI run has time for. `--campaign`: every
 * fault, in every phase, on every node, over every network. `--transport X` and `--only NAME` choose; `--seed N` draws as an
 * earlier run did. Ends with `N tried, N held, lost 0`; exit status 1 if one of them was not held.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Result } from "../apps/node/faults/testing/trials.ts";

const SUITES = join(import.meta.dirname, "..", "apps", "node", "faults", "testing", "suites");
const TRANSPORTS = ["quic", "tls", "libp2p", "relay"] as const;
type Transport = (typeof TRANSPORTS)[number];

interface Suite {
  readonly name: string;
  /** Where it has a meaning. */
  readonly over: readonly Transport[];
  /** Where it runs when nothing is asked for: each fault once, and each network under some. */
  readonly usually: readonly Transport[];
}

const KNOWN: readonly Suite[] = [
  { name: "kill", over: TRANSPORTS, usually: ["quic"] },
  { name: "durable", over: TRANSPORTS, usually: ["quic"] },
  { name: "decisions", over: TRANSPORTS, usually: ["quic"] },
  { name: "ban", over: TRANSPORTS, usually: ["quic"] },
  { name: "disk", over: TRANSPORTS, usually: ["tls"] },
  { name: "kill-keygen", over: TRANSPORTS, usually: ["libp2p"] },
  { name: "standstill", over: TRANSPORTS, usually: ["quic"] },
  { name: "partition", over: TRANSPORTS, usually: ["quic"] },
  { name: "relay", over: ["relay"], usually: ["relay"] },
  { name: "certificates", over: ["quic", "tls"], usually: ["quic"] },
  { name: "flood", over: TRANSPORTS, usually: ["tls"] },
  { name: "stranger", over: TRANSPORTS, usually: ["quic"] },
  { name: "services", over: TRANSPORTS, usually: ["quic"] },
];

const { values } = parseArgs({
  options: {
    transport: { type: "string" },
    seed: { type: "string", default: randomBytes(4).toString("hex") },
    only: { type: "string" },
    campaign: { type: "boolean", default: false },
  },
});

const transport = TRANSPORTS.find((known) => known === values.transport);
if (values.transport !== undefined && transport === undefined)
  throw new RangeError(`--transport is ${TRANSPORTS.join(", ")}, not ${values.transport}`);
if (values.only !== undefined && !KNOWN.some(({ name }) => name === values.only))
  throw new RangeError(`--only is ${KNOWN.map(({ name }) => name).join(", ")}, not ${values.only}`);

const chosen = KNOWN.filter(({ name }) => values.only === undefined || name === values.only).flatMap((suite) => {
  const usual = values.campaign || values.only !== undefined ? suite.over : suite.usually;
  const over = transport === undefined ? usual : suite.over.filter((known) => known === transport);
  return over.map((network) => ({ name: suite.name, network }));
});

process.exitCode = runAll();

function runAll(): number {
  const folder = mkdtempSync(join(tmpdir(), "conclave-faults-"));
  const startMs = performance.now();
  const broken: string[] = [];
  const results: Result[] = [];
  try {
    for (const { name, network } of chosen) {
      const file = join(folder, `${name}-${network}`);
      writeFileSync(file, "");
      const isHeld = run(name, network, file);
      const told = readFileSync(file, "utf8").split("\n").filter(Boolean);
      const own = told.map((line) => JSON.parse(line) as Result);
      results.push(...own);
      if (isHeld && own.length > 0) continue;
      // A suite that failed beside its trials, or ended without a word, has lost at least one.
      if (own.every(({ tried, held }) => tried === held)) results.push(silent(name, network));
      broken.push(`--only ${name} --transport ${network} --seed ${values.seed}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  report(results, broken, (performance.now() - startMs) / 1_000);
  return broken.length === 0 ? 0 : 1;
}

function run(name: string, network: Transport, results: string): boolean {
  const { status } = spawnSync(process.execPath, [join(SUITES, `${name}.fault.ts`)], {
    stdio: "inherit",
    env: {
      ...process.env,
      FAULT_SEED: values.seed,
      FAULT_TRANSPORT: network,
      FAULT_CAMPAIGN: values.campaign ? "1" : "0",
      FAULT_RESULTS: results,
    },
  });
  return status === 0;
}

function silent(suite: string, transport: Transport): Result {
  const nothing = { seconds: 0, peakMib: 0, seed: values.seed, figures: {} };
  return { suite: `${suite}, without a word`, transport, tried: 1, held: 0, ...nothing };
}

function report(results: readonly Result[], broken: readonly string[], seconds: number): void {
  console.log(`\nfaults on real processes, seed ${values.seed}`);
  for (const { suite, transport: over, tried, held, seconds: took, peakMib } of results)
    console.log(`${suite} over ${over}: ${tried} tried, ${held} held, ${took} s, RSS at most ${peakMib} MiB`);
  for (const again of broken) console.log(`BROKEN: node scripts/faults.ts ${again}`);
  const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
  const peak = Math.max(0, ...results.map(({ peakMib }) => peakMib));
  const [tried, held] = [sum(({ tried: count }) => count), sum(({ held: count }) => count)];
  console.log(`${seconds.toFixed(0)} s, RSS at most ${peak} MiB`);
  console.log(`${tried} tried, ${held} held, lost ${tried - held}`);
}
