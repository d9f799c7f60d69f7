/** `npm run bench -- [NAME] [--json]`: the figures of one part, or of all. Each benchmark measures a peer in the same run. */
import { parseArgs } from "node:util";
import type { Line, Ratio } from "../bench/harness.ts";

const BENCHMARKS = ["frost"] as const;

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
    run: (options: { print: (line: Line | Ratio) => void }) => unknown;
  };
  await run({ print: values.json ? (line) => console.log(JSON.stringify(line)) : printForPeople });
}

function printForPeople(line: Line | Ratio): void {
  const shape = `${line.op.padEnd(20)} ${line.t}-of-${line.n}`;
  if ("ratio" in line) {
    console.log(
      `${shape}  ratio of CPU time ${line.cpu_median} (of the fastest runs ${line.cpu_min}), of bytes ${line.bytes}\n`,
    );
  } else {
    console.log(
      `${shape}  ${line.peer.padEnd(28)} ${line.cpu_ms_per_party} ms CPU per party, ${line.bytes} bytes sent`,
    );
  }
}
