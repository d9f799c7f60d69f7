import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { VaultError, type Vault } from "@conclave/custody";
import { vaultError } from "@conclave/custody/testing";
import { nodeDisk } from "./disk.ts";
import { copyOf, PASSWORD, QUICK, Stopped, stoppingDisk, withVault } from "./testing/places.ts";
import { changePassword, createVault, openVault } from "./vault.ts";

const OLD = Uint8Array.from({ length: 50 }, () => 1);
const NEW = Uint8Array.from({ length: 70 }, () => 2);
const RECORDS = { identity: OLD, "share/aa/1": OLD };

/** What a vault holds after a restart. */
function contentOf(dir: string, password = PASSWORD): Readonly<Record<string, Uint8Array>> {
  const vault = openVault({ dir, password }, QUICK);
  try {
    return Object.fromEntries(vault.list("").map((name) => [name, vault.get(name)]));
  } finally {
    vault.close();
    assert(!readdirSync(dir).some((file) => file.endsWith(".tmp")), "nothing half-written is left");
  }
}

const stopped = (error: unknown): boolean => error instanceof VaultError && error.cause instanceof Stopped;

/** Stops `work` before each of its steps in turn, and lets `check` look at what a restart finds. */
function atEveryStep(
  dir: string,
  copy: string,
  work: (vault: Vault) => void,
  check: (copy: string, step: string) => void,
): readonly string[] {
  for (let stopAt = 0; ; stopAt++) {
    copyOf(dir, copy);
    const { machine, steps } = stoppingDisk(stopAt);
    const vault = openVault({ dir: copy, password: PASSWORD }, machine);
    let done = false;
    try {
      work(vault);
      done = true;
    } catch (error) {
      assert(stopped(error), String(error));
    }
    vault.close();
    if (done) return steps;
    check(copy, `stopped at step ${stopAt} of ${steps.join(", ")}`);
  }
}

describe("a vault whose process dies between two steps", () => {
  it(
    "holds the old bytes or the new ones of a record that was being replaced",
    withVault(RECORDS, (dir, folder) => {
      const seen = new Set<number>();
      const steps = atEveryStep(
        dir,
        join(folder, "copy"),
        (vault) => vault.put("identity", NEW, { replace: true }),
        (copy, step) => {
          const { identity, ...others } = contentOf(copy);
          assert(identity !== undefined, step);
          assert.deepEqual(identity, identity[0] === 1 ? OLD : NEW, step);
          assert.deepEqual(others, { "share/aa/1": OLD }, step);
          seen.add(identity[0]!);
        },
      );
      assert.deepEqual(steps, ["create", "write", "sync", "rename", "sync folder"], "durable before it is in place");
      assert.deepEqual([...seen], [1, 2]);
    }),
  );

  it(
    "holds a new record whole or not at all",
    withVault(RECORDS, (dir, folder) => {
      atEveryStep(
        dir,
        join(folder, "copy"),
        (vault) => vault.put("share/aa/2", NEW),
        (copy, step) => {
          const { "share/aa/2": added, ...others } = contentOf(copy);
          if (added !== undefined) assert.deepEqual(added, NEW, step);
          assert.deepEqual(others, RECORDS, step);
        },
      );
    }),
  );

  it(
    "holds an erased record whole or not at all, and in the end not even its bytes",
    withVault(RECORDS, (dir, folder) => {
      const steps = atEveryStep(
        dir,
        join(folder, "copy"),
        (vault) => vault.erase("identity"),
        (copy, step) => {
          const { identity, ...others } = contentOf(copy);
          if (identity !== undefined) assert.deepEqual(identity, OLD, step);
          assert.deepEqual(others, { "share/aa/1": OLD }, step);
        },
      );
      assert.deepEqual(steps, ["rename", "sync folder", "reopen", "write", "sync", "unlink", "sync folder"]);
    }),
  );

  it(
    "opens with exactly one of two passwords, and holds every record, whenever a change was cut off",
    withVault(RECORDS, (dir, folder) => {
      const copy = join(folder, "copy");
      const opensWith = (password: string): boolean => {
        try {
          assert.deepEqual(contentOf(copy, password), RECORDS);
          return true;
        } catch (error) {
          assert(error instanceof VaultError && error.code === "wrong-password", String(error));
          return false;
        }
      };
      let last = "old";
      for (let stopAt = 0; ; stopAt++) {
        copyOf(dir, copy);
        const { machine, steps } = stoppingDisk(stopAt);
        try {
          changePassword({ dir: copy, from: PASSWORD, to: "new" }, machine);
          assert.equal(steps.length, 4 * 5, "header, two records, header");
          break;
        } catch (error) {
          assert(stopped(error), String(error));
        }
        const opened = [PASSWORD, "new"].filter(opensWith);
        assert.equal(opened.length, 1, `step ${stopAt}`);
        if (last === "new") assert.equal(opened[0], "new", "there is no way back");
        last = opened[0]!;
      }
      assert.equal(last, "new");
    }),
  );

  it(
    "can be made again when making it was cut off",
    withVault({}, (dir) => {
      for (let stopAt = 0; ; stopAt++) {
        const made = `${dir}-${stopAt}`;
        const { machine } = stoppingDisk(stopAt);
        try {
          createVault({ dir: made, password: PASSWORD }, machine).close();
          return;
        } catch (error) {
          assert(stopped(error), String(error));
        }
        try {
          createVault({ dir: made, password: PASSWORD }, QUICK).close();
        } catch (error) {
          assert(error instanceof VaultError && error.code === "exists", String(error));
        }
        assert.deepEqual(contentOf(made), {});
      }
    }),
  );
});

describe("a disk that refuses", () => {
  const failing = (step: string, code: string) => {
    const error = Object.assign(new Error(`${code}: refused`), { code });
    // Opening an intact vault takes no step, so that these are the steps of `put`.
    return stoppingDisk(["create", "write", "sync", "rename", "sync folder"].indexOf(step), { once: true, error });
  };

  for (const step of ["create", "write"]) {
    it(
      `space for a record changes nothing, and the next put succeeds (${step})`,
      withVault(RECORDS, (dir) => {
        const { machine } = failing(step, "ENOSPC");
        const vault = openVault({ dir, password: PASSWORD }, machine);
        assert.throws(() => vault.put("identity", NEW, { replace: true }), vaultError("unavailable", "ENOSPC"));
        assert.deepEqual(vault.get("identity"), OLD);
        assert(!readdirSync(dir).some((file) => file.endsWith(".tmp")));
        vault.put("identity", NEW, { replace: true });
        assert.deepEqual(vault.get("identity"), NEW);
        vault.close();
      }),
    );
  }

  for (const step of ["sync", "rename", "sync folder"]) {
    it(
      `to make bytes durable seals the vault until a restart (${step})`,
      withVault(RECORDS, (dir) => {
        const { machine } = failing(step, "EIO");
        const vault = openVault({ dir, password: PASSWORD }, machine);
        assert.throws(() => vault.put("identity", NEW, { replace: true }), vaultError("unavailable", "EIO"));
        assert.throws(() => vault.put("identity", NEW, { replace: true }), vaultError("unavailable", "sealed"));
        assert.throws(() => vault.get("identity"), vaultError("unavailable", "sealed"));
        assert.throws(() => vault.erase("identity"), vaultError("unavailable", "sealed"));
        assert.throws(() => vault.list(""), vaultError("unavailable", "sealed"));
        vault.close();
        assert.deepEqual(contentOf(dir)["identity"], step === "sync folder" ? NEW : OLD);
      }),
    );
  }

  it("writes the rest when the system takes only a part", () => {
    const folder = mkdtempSync(join(tmpdir(), "conclave-vault-"));
    const descriptor = nodeDisk.create(join(folder, "file"));
    nodeDisk.write(descriptor, new Uint8Array(3 << 20).fill(7));
    nodeDisk.close(descriptor);
    assert.throws(() => nodeDisk.create(join(folder, "file")), /EEXIST/);
    rmSync(folder, { recursive: true });
  });
});

describe("a process killed while it replaces a record", () => {
  it("leaves the last acknowledged bytes, or the next", async (test) => {
    const folder = mkdtempSync(join(tmpdir(), "conclave-vault-"));
    const dir = join(folder, "vault");
    createVault({ dir, password: PASSWORD }, QUICK).close();
    const script = `
      import { writeSync } from "node:fs";
      import { openVault } from ${JSON.stringify(join(import.meta.dirname, "vault.ts"))};
      import { QUICK } from ${JSON.stringify(join(import.meta.dirname, "testing", "places.ts"))};
      const vault = openVault(${JSON.stringify({ dir, password: PASSWORD })}, QUICK);
      for (let n = 1; ; n++) {
        vault.put("counter", new Uint8Array(1000 + n).fill(n % 251), { replace: true });
        writeSync(1, n + "\\n");
      }`;
    try {
      for (let round = 0; round < 3; round++) {
        const killAfterMs = randomInt(150);
        const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let said = "";
        const started = new Promise<void>((resolve) => {
          child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
            said += chunk;
            resolve();
          });
        });
        const ended = new Promise((resolve) => child.once("close", resolve));
        await Promise.race([started, ended]);
        await delay(killAfterMs);
        child.kill("SIGKILL");
        await ended;
        const acknowledged = Number(said.split("\n").at(-2));
        const counter = contentOf(dir)["counter"] ?? new Uint8Array(0);
        const found = counter.length - 1000;
        const where = `killed ${killAfterMs} ms after the first put: acknowledged ${acknowledged}, found ${found}`;
        assert(found === acknowledged || found === acknowledged + 1, where);
        assert(
          counter.every((byte) => byte === found % 251),
          where,
        );
        test.diagnostic(where);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
