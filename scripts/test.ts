/**
 * `npm test [-- PATTERN …]`: every test beside the code but the long ones, with Node's own runner, which prints the summary.
 * `npm run test:long`: those that wait for minutes, such as transports on bad networks and networks killed over and over.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const asked = process.argv.slice(2);
const isLong = asked[0] === "--long";
const patterns = isLong ? asked.slice(1) : asked;
const everything = ["core", "adapters", "apps", "scripts"].map(
  (folder) => `${folder}/**/*.${isLong ? "long" : "test"}.ts`,
);

/** One more than the smallest machine we promise figures for has cores: nodes that tests watch wait for each other much of the time. */
const CONCURRENCY = 3;

/** Every file is a process of its own; what one has compiled, the next need not. Beside the code, where nobody else writes. */
const NODE_COMPILE_CACHE = join(import.meta.dirname, "..", "node_modules", ".cache", "conclave");

const { status } = spawnSync(
  process.execPath,
  ["--test", `--test-concurrency=${CONCURRENCY}`, ...(patterns.length > 0 ? patterns : everything)],
  { stdio: "inherit", env: { ...process.env, NODE_COMPILE_CACHE } },
);
process.exit(status ?? 1);
