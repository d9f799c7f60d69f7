/** `npm run bench -- [NAME] [--json]`: the figures of one part, or of all. Where there is a peer, it is measured in the same run. */
import { parseArgs } from "node:util";
import type { Line, Ratio, Sizes } from "../bench/harness.ts";
import type { Figure } from "../bench/network.ts";
import type { RoundTripLine } from "../bench/transports.ts";

const BENCHMARKS = ["frost", "dkls23", "network", "transports", "processes"] as const;

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});

const unknown = positionals.find((name) => !(BENCHMARKS as readonly string[]).includes(name));
if (unknown !== undefined) {
  console.error(`there is no benchmark ${unknown}: choose from ${BENCHMARKS.join(", ")}`);
  process.exit(2);
}

for (const name of positionals.length > 0 ? positionals : BENCHMARKS) {
  const { run } = (await import(`../bench/${name}.ts`)) as {
    run: (options: { print: (line: Printed) => void }) => unknown;
  };
  await run({ print: values.json ? (line) => console.log(JSON.stringify(line)) : printForPeople });
}

type Printed = Line | Ratio | Sizes | Figure | RoundTripLine;

function printForPeople(line: Printed): void {
  if ("mtu" in line) {
    const what = `${line.transport.padEnd(8)} ${String(line.bytes).padStart(8)} bytes, MTU ${String(line.mtu).padStart(5)}`;
    return console.log(`${what}  p50 ${line.ms_p50} ms, p99 ${line.ms_p99} ms of ${line.reps}`);
  }
  const shape = `${line.op.padEnd(20)} ${line.t}-of-${line.n}`;
  if ("share_bytes" in line) {
    console.log(
      `${shape}  a party keeps ${line.share_bytes} bytes; memory at most ${line.peak_memory_kib} KiB; messages: ${Object.entries(
        line.message_bytes,
      )
        .map(([round, bytes]) => `${round} ${bytes}`)
        .join(", ")}`,
    );
  } else if ("ratio" in line) {
    console.log(
      `${shape}  ratio of CPU time ${line.cpu_median} (of the fastest runs ${line.cpu_min}), of bytes ${line.bytes}\n`,
    );
  } else if ("ms_p50" in line) {
    console.log(`${shape}  ${line.peer.padEnd(28)} p50 ${line.ms_p50} ms, p99 ${line.ms_p99} ms of ${line.reps}`);
  } else {
    console.log(
      `${shape}  ${line.peer.padEnd(28)} ${line.cpu_ms_per_party} ms CPU per party, ${line.bytes} bytes sent`,
    );
  }
}
