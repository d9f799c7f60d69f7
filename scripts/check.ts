/** `npm run check`: types (twice: core without any platform library), lint, format, tidy. Stops at the first failure. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const bin = join(import.meta.dirname, "..", "node_modules", ".bin");
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["types", join(bin, "tsc"), "-p", "tsconfig.json"],
  ["types of core, without node or browser", join(bin, "tsc"), "-p", "core/tsconfig.json"],
  ["lint", join(bin, "oxlint"), "--type-aware", "--deny-warnings"],
  ["format", join(bin, "oxfmt"), "--check"],
  ["tidy", process.execPath, "--test", "scripts/tidy.test.ts"],
];

for (const [name, command, ...args] of steps) {
  const startMs = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) {
    process.stdout.write(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}\n`);
    console.error(`check failed: ${name}`);
    process.exit(1);
  }
  console.log(`ok ${name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
}
