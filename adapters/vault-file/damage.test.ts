import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Vault } from "@conclave/custody";
import { vaultError } from "@conclave/custody/testing";
import fc from "fast-check";
import { MAX_FILE_BYTES } from "./record.ts";
import { PASSWORD, QUICK, withVault } from "./testing/places.ts";
import { createVault, openVault } from "./vault.ts";

const RECORDS = {
  identity: Uint8Array.of(1, 2, 3),
  "share/aa/1": Uint8Array.from({ length: 90 }, (_, i) => i),
  "share/aa/2": Uint8Array.from({ length: 90 }, (_, i) => i + 1),
};
const FILES = { identity: "identity.sealed", "share/aa/1": "share.aa.1.sealed", "share/aa/2": "share.aa.2.sealed" };
type Name = keyof typeof FILES;

const withOpenVault = (test: (vault: Vault, dir: string) => void) =>
  withVault(RECORDS, (dir) => {
    const vault = openVault({ dir, password: PASSWORD }, QUICK);
    try {
      test(vault, dir);
    } finally {
      vault.close();
    }
  });

/** A file's bytes after `edit`, with a checksum that fits again: what an attacker would write, not an accident. */
function withMatchingChecksum(bytes: Buffer, edit: (checked: Buffer) => void): Buffer {
  const checked = Buffer.from(bytes.subarray(0, -32));
  edit(checked);
  return Buffer.concat([checked, createHash("sha256").update(checked).digest()]);
}

describe("a damaged record", () => {
  it(
    "is told from an intact one for every single bit of its file",
    withOpenVault((vault, dir) => {
      const path = join(dir, FILES.identity);
      const bytes = readFileSync(path);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        writeFileSync(path, flipped);
        assert.throws(() => vault.get("identity"), vaultError("corrupt", FILES.identity), `bit ${bit}`);
      }
      writeFileSync(path, bytes);
      assert.deepEqual(vault.get("identity"), RECORDS.identity);
    }),
  );

  it(
    "is told from an intact one even where the checksum was made to fit",
    withOpenVault((vault, dir) => {
      const path = join(dir, FILES.identity);
      const bytes = readFileSync(path);
      const VERSION_AT = 8;
      for (let at = 0; at < bytes.length - 32; at++) {
        if (at === VERSION_AT || at === VERSION_AT + 1) continue;
        writeFileSync(
          path,
          withMatchingChecksum(bytes, (checked) => {
            checked[at]! ^= 1 << (at & 7);
          }),
        );
        assert.throws(() => vault.get("identity"), vaultError("corrupt", FILES.identity), `byte ${at}`);
      }
    }),
  );

  it(
    "is told from an intact one in any file, at any bit, length or tail",
    withOpenVault((vault, dir) => {
      const name = fc.constantFrom(...(Object.keys(FILES) as Name[]));
      const damage = fc.oneof(
        fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), bit: fc.nat(7) }),
        fc.record({ kind: fc.constant("cut" as const), at: fc.nat() }),
        fc.record({ kind: fc.constant("add" as const), tail: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
      );
      fc.assert(
        fc.property(name, damage, (name, damage) => {
          const path = join(dir, FILES[name]);
          const bytes = readFileSync(path);
          let bad = Buffer.from(bytes);
          if (damage.kind === "flip") bad[damage.at % bad.length]! ^= 1 << damage.bit;
          else if (damage.kind === "cut") bad = bad.subarray(0, damage.at % bad.length);
          else bad = Buffer.concat([bad, damage.tail]);
          writeFileSync(path, bad);
          try {
            assert.throws(() => vault.get(name), vaultError("corrupt", FILES[name]));
          } finally {
            writeFileSync(path, bytes);
          }
          assert.deepEqual(vault.get(name), RECORDS[name]);
        }),
        { numRuns: 100 },
      );
    }),
  );

  it(
    "cannot take another record's place",
    withOpenVault((vault, dir) => {
      const [one, two] = [join(dir, FILES["share/aa/1"]), join(dir, FILES["share/aa/2"])];
      renameSync(one, `${one}.x`);
      renameSync(two, one);
      renameSync(`${one}.x`, two);
      assert.throws(() => vault.get("share/aa/1"), vaultError("corrupt", "it is the record share/aa/2"));
      assert.throws(() => vault.get("share/aa/2"), vaultError("corrupt", "it is the record share/aa/1"));
      assert.deepEqual(vault.get("identity"), RECORDS.identity);
    }),
  );

  it(
    "cannot come from another vault, the same password or not",
    withOpenVault((vault, dir) => {
      const other = createVault({ dir: `${dir}-2`, password: PASSWORD }, QUICK);
      other.put("identity", Uint8Array.of(9));
      other.close();
      copyFileSync(join(`${dir}-2`, FILES.identity), join(dir, FILES.identity));
      assert.throws(() => vault.get("identity"), vaultError("corrupt", "sealed by another vault"));
    }),
  );

  it(
    "is not read when it is far too long",
    withOpenVault((vault, dir) => {
      writeFileSync(join(dir, FILES.identity), Buffer.alloc(MAX_FILE_BYTES + 1));
      assert.throws(() => vault.get("identity"), vaultError("corrupt", FILES.identity));
    }),
  );
});

describe("a damaged header", () => {
  const openWith = (dir: string, bytes: Buffer): void => {
    writeFileSync(join(dir, "vault.header"), bytes);
    openVault({ dir, password: PASSWORD }, QUICK).close();
  };

  it(
    "is corrupt, never a wrong password, for any bit, cut or tail",
    withVault(RECORDS, (dir) => {
      const bytes = readFileSync(join(dir, "vault.header"));
      for (let at = 0; at < bytes.length; at++) {
        const flipped = Buffer.from(bytes);
        flipped[at]! ^= 1 << (at & 7);
        assert.throws(() => openWith(dir, flipped), vaultError("corrupt", "vault.header"), `byte ${at}`);
      }
      for (const length of [0, 1, 41, 42, bytes.length - 1])
        assert.throws(() => openWith(dir, bytes.subarray(0, length)), vaultError("corrupt", "vault.header"));
      assert.throws(() => openWith(dir, Buffer.concat([bytes, Buffer.of(0)])), vaultError("corrupt", "vault.header"));
      openWith(dir, bytes);
    }),
  );

  it(
    "cannot be a record",
    withVault(RECORDS, (dir) => {
      const item = readFileSync(join(dir, FILES.identity));
      assert.throws(() => openWith(dir, item), vaultError("corrupt", "another kind of file"));
    }),
  );

  it(
    "cannot ask for less work, or for more than a machine has",
    withVault(RECORDS, (dir) => {
      const bytes = readFileSync(join(dir, "vault.header"));
      // The body is a list of four; its first is the list [logN, r, p] of one byte each.
      const KDF_AT = 10 + 2;
      assert.deepEqual([...bytes.subarray(KDF_AT - 2, KDF_AT + 3)], [0x84, 0x83, 15, 8, 1]);
      for (const [offset, value] of [
        [0, 14],
        [0, 21],
        [1, 7],
        [2, 0],
        [2, 17],
      ] as const) {
        const edited = withMatchingChecksum(bytes, (checked) => {
          checked[KDF_AT + offset] = value;
        });
        assert.throws(() => openWith(dir, edited), vaultError("corrupt", "its fields cannot be read"));
      }
    }),
  );

  for (const file of ["vault.header", "identity.sealed"]) {
    it(
      `of a newer format stops an older program with both versions, and is left alone (${file})`,
      withVault(RECORDS, (dir) => {
        const newer = withMatchingChecksum(readFileSync(join(dir, file)), (checked) => {
          checked[9] = 3;
        });
        writeFileSync(join(dir, file), newer);
        assert.throws(
          () => {
            const vault = openVault({ dir, password: PASSWORD }, QUICK);
            try {
              vault.get("identity");
            } finally {
              vault.close();
            }
          },
          vaultError("unavailable", "format 3 is newer than this program's 1"),
        );
        assert.deepEqual(readFileSync(join(dir, file)), newer);
      }),
    );
  }
});
