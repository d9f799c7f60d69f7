/** CI's job with servers beside it fails when the nodes did without them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { etcdMissing } from "@conclave/coordination-etcd/testing";
import { postgresMissing } from "@conclave/store-sql/testing";

const SCRIPT = join(import.meta.dirname, "with-services.ts");
const LAST = "process.exitCode = 0";
const run = (...words: readonly string[]) => spawnSync(process.execPath, [SCRIPT, ...words], { encoding: "utf8" });

describe("a command with servers beside it", { skip: postgresMissing() || etcdMissing() }, () => {
  test("may leave them alone, if nobody says that it must not", () => {
    assert.equal(run(process.execPath, "--eval", LAST).status, 0);
  });

  test("fails with --used when it ended well and used neither", () => {
    const { status, stderr } = run("--used", process.execPath, "--eval", LAST);
    assert.equal(status, 1);
    assert.match(stderr, /not used: no node made its schema in PostgreSQL/);
    for (const area of ["config", "peers", "votes"])
      assert.match(stderr, new RegExp(`not used: nothing was ever written below ${area}/ of etcd`));
  });
});
