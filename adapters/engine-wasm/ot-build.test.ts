import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

test("the checked-in OT module is what its source compiles to", () => {
  const script = join(import.meta.dirname, "..", "..", "scripts", "build-kernels.ts");
  const { status, stderr } = spawnSync(process.execPath, [script, "--check", "ot"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
