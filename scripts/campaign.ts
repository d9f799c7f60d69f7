/**
 * `npm run campaign -- kills [--count 300] [--seed S] [--transport X] [--out FILE] [--resume FILE]`: nodes killed at random moments
 * while payments are made all the time, every trial in a file that a run that was cut is gone on with.
 * `npm run campaign -- load [--payments 1000] [--at-once 20] [--transport X]`: queued payments, how fast, and what they leave in
 * memory. Both over five processes, and both judge in the end what the nodes wrote down. Exit status 1 if anything did not hold.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { TRANSPORTS } from "@conclave/consensus";
import { killsCampaign } from "../apps/node/faults/testing/campaigns/kills.ts";
import { loadCampaign } from "../apps/node/faults/testing/campaigns/load.ts";
import { addToLog, beginLog, mendLog, readLog } from "../apps/node/faults/testing/campaigns/trial-log.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "300" },
    payments: { type: "string", default: "1000" },
    "at-once": { type: "string", default: "20" },
    seed: { type: "string", default: randomBytes(4).toString("hex") },
    transport: { type: "string", default: "quic" },
    out: { type: "string" },
    resume: { type: "string" },
  },
});

const [what] = positionals;
if (what === "kills") process.exitCode = (await kills()) ? 0 : 1;
else if (what === "load") process.exitCode = (await load()) ? 0 : 1;
else throw new RangeError(`a campaign is "kills" or "load", not ${what ?? "nothing"}`);

async function kills(): Promise<boolean> {
  const count = whole("count", values.count);
  if (values.resume !== undefined) mendLog(values.resume);
  const earlier = values.resume === undefined ? null : readLog(values.resume);
  const seed = earlier?.head.seed ?? values.seed;
  const transport = named(earlier?.head.transport ?? values.transport);
  const file = values.resume ?? values.out ?? `campaign-kills-${seed}.jsonl`;
  if (earlier === null) beginLog(file, { kind: "campaign", seed, transport });
  console.log(`kills over ${transport}, seed ${seed}, ${earlier?.held.size ?? 0} of ${count} tried before, in ${file}`);
  const startMs = performance.now();
  await killsCampaign({
    count,
    seed,
    transport,
    done: earlier?.held ?? new Set(),
    record(line) {
      addToLog(file, line);
      console.log(JSON.stringify(line));
    },
  });
  const { held, broken } = readLog(file);
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  console.log(`${held.size + broken.size} tried, ${held.size} held, lost ${broken.size} (${seconds} s)`);
  if (broken.size > 0) console.log(`BROKEN: npm run campaign -- kills --count ${count} --seed ${seed}`);
  return broken.size === 0 && held.size >= count;
}

async function load(): Promise<boolean> {
  const { seed } = values;
  const payments = whole("payments", values.payments);
  const atOnce = whole("at-once", values["at-once"]);
  const transport = named(values.transport);
  console.log(`${payments} payments over ${transport}, ${atOnce} at once, seed ${seed}`);
  return loadCampaign({ payments, atOnce, transport, seed, say: (line) => console.log(JSON.stringify(line)) });
}

function whole(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new RangeError(`--${flag} is a number above 0, not ${text}`);
  return number;
}

function named(name: string): (typeof TRANSPORTS)[number] {
  const transport = TRANSPORTS.find((known) => known === name);
  if (transport === undefined) throw new RangeError(`--transport is ${TRANSPORTS.join(", ")}, not ${name}`);
  return transport;
}
