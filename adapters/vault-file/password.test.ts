import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { scrypt } from "@noble/hashes/scrypt.js";
import { VaultError } from "@conclave/custody";
import { vaultError } from "@conclave/custody/testing";
import { nodeDisk } from "./disk.ts";
import { checkStrength, DEFAULT_KDF, deriveKey, passwordBytes } from "./kdf.ts";
import { PASSWORD, QUICK, withFolder, withVault } from "./testing/places.ts";
import { changePassword, createVault, openVault } from "./vault.ts";

const REAL = { disk: nodeDisk, derive: deriveKey };
const RECORDS = { identity: Uint8Array.of(1, 2, 3), "share/aa/1": Uint8Array.from({ length: 64 }, () => 0xab) };
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "none";
  } catch (error) {
    return error instanceof VaultError ? error.code : String(error);
  }
};

describe("the password", () => {
  it(
    "that is wrong gives the same error, whatever it is",
    withVault(
      RECORDS,
      (dir) => {
        const messages = new Set<string>();
        for (const password of ["wrong", "", `${PASSWORD} `, `${PASSWORD}\0`, PASSWORD.toUpperCase()]) {
          assert.throws(
            () => openVault({ dir, password }),
            (error) => vaultError("wrong-password")(error) && messages.add((error as Error).message).size === 1,
          );
        }
      },
      REAL,
    ),
  );

  it(
    "is the same in every Unicode form, and keeps NUL and spaces",
    withFolder((folder) => {
      const dir = join(folder, "vault");
      const password = " Zo\u00eb\0\u00c5 ";
      createVault({ dir, password }).close();
      openVault({ dir, password: password.normalize("NFD") }).close();
      for (const other of [password.trim(), password.replace("\0", ""), password.split("\0")[0]!])
        assert.equal(
          codeOf(() => openVault({ dir, password: other })),
          "wrong-password",
        );
    }),
  );

  it(
    "of a new vault is not empty",
    withFolder((folder) => {
      assert.throws(() => createVault({ dir: join(folder, "vault"), password: "" }), RangeError);
      createVault({ dir: join(folder, "vault"), password: PASSWORD }).close();
    }),
  );

  it("becomes the key that scrypt says (RFC 7914 parameters, checked against another implementation)", () => {
    const salt = Uint8Array.from({ length: 32 }, (_, i) => i);
    const expected = scrypt(passwordBytes("pass\u00e9"), salt, { N: 2 ** 15, r: 8, p: 1, dkLen: 32 });
    assert.deepEqual(deriveKey("passe\u0301", salt, DEFAULT_KDF), expected);
  });

  it(
    "may be made dearer to guess, not cheaper",
    withFolder((folder) => {
      const weak = { logN: 14, r: 8, p: 1 };
      assert.throws(() => createVault({ dir: join(folder, "a"), password: PASSWORD, kdf: weak }), RangeError);
      for (const kdf of [
        { logN: 15, r: 4, p: 1 },
        { logN: 15, r: 8, p: 0 },
        { logN: 15.5, r: 8, p: 1 },
        { logN: 20, r: 16, p: 1 },
        { logN: 31, r: 8, p: 1 },
      ])
        assert.throws(() => checkStrength(kdf), RangeError, JSON.stringify(kdf));
      const dir = join(folder, "b");
      createVault({ dir, password: PASSWORD, kdf: { logN: 16, r: 8, p: 1 } }).close();
      openVault({ dir, password: PASSWORD }).close();
      assert.equal(readFileSync(join(dir, "vault.header"))[12], 16);
    }),
  );
});

describe("changing the password", () => {
  it(
    "closes the vault to the old one, keeps every record, and re-encrypts it",
    withVault(
      RECORDS,
      (dir) => {
        const before = readFileSync(join(dir, "share.aa.1.sealed"));
        changePassword({ dir, from: PASSWORD, to: "new" });
        assert.equal(
          codeOf(() => openVault({ dir, password: PASSWORD })),
          "wrong-password",
        );
        const vault = openVault({ dir, password: "new" });
        for (const [name, secret] of Object.entries(RECORDS)) assert.deepEqual(vault.get(name), secret);
        vault.close();
        assert.notDeepEqual(readFileSync(join(dir, "share.aa.1.sealed")), before);
      },
      REAL,
    ),
  );

  it(
    "leaves an old header with the old password no key to what is written since",
    withVault(RECORDS, (dir, folder) => {
      copyFileSync(join(dir, "vault.header"), join(folder, "stolen"));
      changePassword({ dir, from: PASSWORD, to: "new" }, QUICK);
      copyFileSync(join(folder, "stolen"), join(dir, "vault.header"));
      const vault = openVault({ dir, password: PASSWORD }, QUICK);
      assert.throws(() => vault.get("identity"), vaultError("corrupt", "identity.sealed"));
      vault.close();
    }),
  );

  it(
    "needs the old one, and a new one that is not empty, and changes nothing without",
    withVault(RECORDS, (dir) => {
      const header = readFileSync(join(dir, "vault.header"));
      assert.equal(
        codeOf(() => changePassword({ dir, from: "wrong", to: "new" }, QUICK)),
        "wrong-password",
      );
      assert.throws(() => changePassword({ dir, from: PASSWORD, to: "" }, QUICK), RangeError);
      assert.deepEqual(readFileSync(join(dir, "vault.header")), header);
      const vault = openVault({ dir, password: PASSWORD }, QUICK);
      assert.equal(
        codeOf(() => changePassword({ dir, from: PASSWORD, to: "new" }, QUICK)),
        "locked",
      );
      vault.close();
    }),
  );

  it(
    "keeps the strength of the key derivation, or takes another",
    withVault(RECORDS, (dir) => {
      const logN = () => readFileSync(join(dir, "vault.header"))[12];
      changePassword({ dir, from: PASSWORD, to: "b", kdf: { logN: 16, r: 8, p: 1 } }, QUICK);
      assert.equal(logN(), 16);
      changePassword({ dir, from: "b", to: "c" }, QUICK);
      assert.equal(logN(), 16);
    }),
  );

  it(
    "keeps the old key for a damaged record, says so at the next change, and goes on once it is erased",
    withVault(RECORDS, (dir) => {
      const path = join(dir, "share.aa.1.sealed");
      const intact = readFileSync(path);
      const damaged = Buffer.from(intact);
      damaged[60]! ^= 1;
      writeFileSync(path, damaged);
      changePassword({ dir, from: PASSWORD, to: "b" }, QUICK);
      assert.throws(
        () => changePassword({ dir, from: "b", to: "c" }, QUICK),
        vaultError("corrupt", "share.aa.1.sealed"),
      );
      writeFileSync(path, intact);
      const restored = openVault({ dir, password: "b" }, QUICK);
      assert.deepEqual(restored.get("share/aa/1"), RECORDS["share/aa/1"]);
      restored.close();
      changePassword({ dir, from: "b", to: "c" }, QUICK);
      openVault({ dir, password: "c" }, QUICK).close();
    }),
  );
});

describe("errors", () => {
  it(
    "hold neither password nor secret, nor anything they were made of",
    withVault(RECORDS, (dir) => {
      const secretHex = "abababab";
      const said: string[] = [];
      const catchAll = (work: () => unknown): void => {
        try {
          work();
        } catch (error) {
          said.push(inspect(error, { depth: 10, showHidden: true }));
        }
      };
      catchAll(() => openVault({ dir, password: "hunter2" }, QUICK));
      catchAll(() => createVault({ dir, password: "hunter2" }, QUICK));
      catchAll(() => changePassword({ dir, from: "hunter2", to: "hunter3" }, QUICK));
      catchAll(() => changePassword({ dir, from: PASSWORD, to: "hunter2", kdf: { logN: 1, r: 8, p: 1 } }, QUICK));
      const vault = openVault({ dir, password: PASSWORD }, QUICK);
      catchAll(() => openVault({ dir, password: PASSWORD }, QUICK));
      catchAll(() => vault.put("share/aa/1", RECORDS["share/aa/1"]));
      catchAll(() => vault.put("BAD", RECORDS["share/aa/1"]));
      writeFileSync(join(dir, "share.aa.1.sealed"), "x");
      catchAll(() => vault.get("share/aa/1"));
      catchAll(() => vault.put("other", new Uint8Array(17 << 20).fill(0xab)));
      vault.close();
      catchAll(() => vault.put("other", RECORDS["share/aa/1"]));
      assert.equal(said.length, 10);
      for (const text of said)
        for (const hidden of ["hunter", PASSWORD, secretHex, "171, 171"]) assert(!text.includes(hidden), text);
    }),
  );
});
