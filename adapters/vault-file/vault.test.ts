import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { VaultError } from "@conclave/custody";
import { vaultContract, vaultError } from "@conclave/custody/testing";
import { PASSWORD, QUICK, withFolder, withVault } from "./testing/places.ts";
import { createVault, openVault } from "./vault.ts";

vaultContract("files", () => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-vault-"));
  const options = { dir: join(folder, "vault"), password: PASSWORD };
  return {
    open: () => (existsSync(options.dir) ? openVault(options, QUICK) : createVault(options, QUICK)),
    dispose: () => rmSync(folder, { recursive: true }),
  };
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const SECRET = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
const ONE = { "share/aa/1": SECRET };
const options = (dir: string) => ({ dir, password: PASSWORD });

describe("a vault's files", () => {
  it(
    "are private to this account, all of them, and hold no secret in the clear",
    withVault(ONE, (dir) => {
      assert.equal(modeOf(dir), 0o700);
      const files = readdirSync(dir);
      assert.deepEqual(files.toSorted(), ["share.aa.1.sealed", "vault.header", "vault.lock"]);
      for (const file of files) {
        assert.equal(modeOf(join(dir, file)), 0o600, file);
        assert(!readFileSync(join(dir, file)).includes(Buffer.from(SECRET.subarray(0, 8))), file);
      }
    }),
  );

  for (const file of ["vault.header", "share.aa.1.sealed", "vault.lock"]) {
    it(
      `are refused when others may open ${file}, with the command that helps`,
      withVault(ONE, (dir) => {
        for (const mode of [0o644, 0o660, 0o601]) {
          chmodSync(join(dir, file), mode);
          assert.throws(
            () => openVault(options(dir), QUICK),
            vaultError("unavailable", `chmod 600 "${join(dir, file)}"`),
          );
        }
        chmodSync(join(dir, file), 0o600);
        openVault(options(dir), QUICK).close();
      }),
    );

    it(
      `are refused when ${file} is a symbolic link`,
      withVault(ONE, (dir, folder) => {
        renameSync(join(dir, file), join(folder, "elsewhere"));
        symlinkSync(join(folder, "elsewhere"), join(dir, file));
        assert.throws(() => openVault(options(dir), QUICK), vaultError("unavailable", "symbolic link"));
      }),
    );
  }

  it(
    "are refused when others may enter the folder, with the command that helps",
    withVault(ONE, (dir) => {
      chmodSync(dir, 0o755);
      assert.throws(() => openVault(options(dir), QUICK), vaultError("unavailable", `chmod 700 "${dir}"`));
      assert.throws(() => createVault(options(dir), QUICK), vaultError("unavailable", `chmod 700 "${dir}"`));
    }),
  );

  it(
    "are refused behind a link to the folder",
    withVault(ONE, (dir, folder) => {
      symlinkSync(dir, join(folder, "link"));
      assert.throws(() => openVault(options(join(folder, "link")), QUICK), vaultError("unavailable", "symbolic link"));
    }),
  );

  it(
    "are refused when a record becomes a link or readable while the vault is open",
    withVault(ONE, (dir, folder) => {
      const vault = openVault(options(dir), QUICK);
      const file = join(dir, "share.aa.1.sealed");
      chmodSync(file, 0o644);
      assert.throws(() => vault.get("share/aa/1"), vaultError("unavailable", "chmod 600"));
      chmodSync(file, 0o600);
      renameSync(file, join(folder, "elsewhere"));
      symlinkSync(join(folder, "elsewhere"), file);
      assert.throws(() => vault.get("share/aa/1"), vaultError("unavailable", "symbolic link"));
      vault.close();
    }),
  );

  it(
    "that a crash left half-written are removed when the vault opens",
    withVault(ONE, (dir) => {
      writeFileSync(join(dir, "share.aa.2.sealed.0011aabb.tmp"), "half", { mode: 0o600 });
      const vault = openVault(options(dir), QUICK);
      assert.deepEqual(vault.list(""), ["share/aa/1"]);
      assert(!readdirSync(dir).some((file) => file.endsWith(".tmp")));
      vault.close();
    }),
  );
});

describe("making a vault", () => {
  it(
    "refuses a folder that holds one",
    withVault(ONE, (dir) => {
      assert.throws(() => createVault({ dir, password: "other" }, QUICK), vaultError("exists", dir));
      const vault = openVault(options(dir), QUICK);
      assert.deepEqual(vault.get("share/aa/1"), SECRET);
      vault.close();
    }),
  );

  it(
    "refuses a folder with records whose header is gone",
    withVault(ONE, (dir) => {
      rmSync(join(dir, "vault.header"));
      assert.throws(() => createVault(options(dir), QUICK), vaultError("corrupt", "vault.header"));
      assert.throws(() => openVault(options(dir), QUICK), vaultError("unavailable", "vault.header is missing"));
    }),
  );

  it(
    "makes the folders on the way to it",
    withFolder((folder) => {
      const dir = join(folder, "a", "b", "vault");
      createVault(options(dir), QUICK).close();
      for (const made of ["a", "a/b", "a/b/vault"]) assert.equal(modeOf(join(folder, made)), 0o700);
    }),
  );

  it(
    "is not what opening does",
    withFolder((folder) => {
      assert.throws(
        () => openVault(options(join(folder, "nothing")), QUICK),
        vaultError("unavailable", "is not there"),
      );
      assert(!existsSync(join(folder, "nothing")));
      mkdirSync(join(folder, "empty"), { mode: 0o700 });
      assert.throws(
        () => openVault(options(join(folder, "empty")), QUICK),
        vaultError("unavailable", "there is no vault"),
      );
      writeFileSync(join(folder, "file"), "", { mode: 0o600 });
      assert.throws(() => openVault(options(join(folder, "file")), QUICK), vaultError("unavailable", "not a folder"));
    }),
  );
});

describe("one vault, one holder", () => {
  it(
    "refuses a second one in this process, and does not disturb the first",
    withVault(ONE, (dir) => {
      const first = openVault(options(dir), QUICK);
      assert.throws(() => openVault(options(dir), QUICK), vaultError("locked", `process ${process.pid}`));
      assert.throws(() => openVault({ dir, password: "wrong" }, QUICK), vaultError("locked"));
      first.put("identity", SECRET);
      first.close();
      const second = openVault(options(dir), QUICK);
      assert.deepEqual(second.list(""), ["identity", "share/aa/1"]);
      second.close();
    }),
  );

  it("refuses while another process holds it, naming it, and opens at once when that was killed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "conclave-vault-"));
    const dir = join(folder, "vault");
    createVault(options(dir), QUICK).close();
    const script = `
      import { openVault } from ${JSON.stringify(join(import.meta.dirname, "vault.ts"))};
      import { QUICK } from ${JSON.stringify(join(import.meta.dirname, "testing", "places.ts"))};
      const vault = openVault(${JSON.stringify(options(dir))}, QUICK);
      process.stdout.write("open");
      setInterval(() => vault.list(""), 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await new Promise((resolve) => child.stdout.once("data", resolve));
      assert.throws(
        () => openVault(options(dir), QUICK),
        (error) =>
          error instanceof VaultError &&
          error.code === "locked" &&
          error.message.includes(`process ${child.pid} (started `),
      );
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      await ended;
      assert(existsSync(join(dir, "vault.pid")), "the dead process left its note");
      openVault(options(dir), QUICK).close();
      assert(!existsSync(join(dir, "vault.pid")));
    } finally {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });
});
