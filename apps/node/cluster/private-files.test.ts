import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createNetworkKeys, readNetworkKeys } from "./network-keys.ts";
import { checkPrivate, FileUnusable, readPrivate, writePrivate } from "./private-files.ts";

const root = mkdtempSync(join(tmpdir(), "conclave-private-"));
after(() => rmSync(root, { recursive: true, force: true }));

const unusable = (words: RegExp) => (error: unknown) => error instanceof FileUnusable && words.test(error.message);

describe("a private file", () => {
  test("is written for this account only, in a folder made for it, and replaced whole", () => {
    const file = join(root, "new", "deep", "secret");
    writePrivate(file, "first");
    writePrivate(file, Uint8Array.of(0x32));
    assert.equal(readPrivate(file), "2");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    for (const dir of ["new", "new/deep"]) assert.equal(statSync(join(root, dir)).mode & 0o777, 0o700);
    assert.ok(!existsSync(`${file}.new`));
  });

  test("that a crash left half-written beside the whole one is never read", () => {
    const file = join(root, "half");
    writePrivate(file, "whole");
    writeFileSync(`${file}.new`, "ha", { mode: 0o600 });
    assert.equal(readPrivate(file), "whole");
    writePrivate(file, "next");
    assert.equal(readPrivate(file), "next");
  });

  test("that others can read or write is refused with what to do, whichever bit it is", () => {
    const file = join(root, "open");
    writePrivate(file, "x");
    for (const mode of [0o644, 0o640, 0o620, 0o604, 0o602, 0o610, 0o601, 0o777]) {
      chmodSync(file, mode);
      assert.throws(
        () => readPrivate(file),
        unusable(/is open to other accounts. Run: chmod 600 ".*open"/),
        mode.toString(8),
      );
    }
    for (const mode of [0o600, 0o400]) {
      chmodSync(file, mode);
      checkPrivate(file);
    }
  });

  test("that is not there, a link or a folder is refused", () => {
    assert.throws(() => readPrivate(join(root, "none")), unusable(/none is not there/));
    writePrivate(join(root, "target"), "x");
    symlinkSync(join(root, "target"), join(root, "link"));
    assert.throws(() => readPrivate(join(root, "link")), unusable(/link is not a regular file: give the real one/));
    mkdirSync(join(root, "folder"));
    assert.throws(() => readPrivate(join(root, "folder")), unusable(/not a regular file/));
  });
});

describe("network keys", () => {
  test("are drawn once, kept privately, and all different", () => {
    const file = join(root, "network-keys");
    const keys = createNetworkKeys(file);
    assert.deepEqual(readNetworkKeys(file), keys);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const drawn = [keys, createNetworkKeys(join(root, "others"))].flatMap(Object.values) as Uint8Array[];
    assert.equal(new Set(drawn.map((key) => Buffer.from(key).toString("hex"))).size, 6);
  });

  test("that are damaged or open to others are refused", () => {
    const file = join(root, "damaged");
    createNetworkKeys(file);
    const text = readFileSync(file, "utf8");
    for (const wrong of ["", text.slice(2), text.slice(0, -2), `${text}00`, `00${text.slice(2)}`]) {
      writeFileSync(file, wrong);
      assert.throws(() => readNetworkKeys(file), unusable(/is damaged: restore it/), wrong);
    }
    chmodSync(file, 0o644);
    assert.throws(() => readNetworkKeys(file), unusable(/chmod 600/));
  });
});
