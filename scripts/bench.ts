/** `npm run bench -- [NAME] [--json]`: the figures of one part, or of all. Each benchmark measures a peer in the same run. */
import { parseArgs } from "node:util";

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
  const { run } = (await import(`../bench/${name}.ts`)) as { run: (options: { json: boolean }) => Promise<void> };
  await run({ json: values.json });
}
