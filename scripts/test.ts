/** `npm test [-- PATTERN …]`: every test beside the code, with Node's own runner, which prints the summary. */
import { spawnSync } from "node:child_process";

const patterns = process.argv.slice(2);
const everything = ["core/**/*.test.ts", "adapters/**/*.test.ts", "apps/**/*.test.ts", "scripts/**/*.test.ts"];

/** Two at a time: what the smallest machine we promise figures for has cores for. */
const CONCURRENCY = 2;

const { status } = spawnSync(
  process.execPath,
  ["--test", `--test-concurrency=${CONCURRENCY}`, ...(patterns.length > 0 ? patterns : everything)],
  { stdio: "inherit" },
);
process.exit(status ?? 1);
