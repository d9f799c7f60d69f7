import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openRegtest, type Regtest, SnapshotCorrupt } from "./index.ts";
import { addressOf, fund, scriptOf, spend, testKey } from "./testing/spender.ts";

const alice = testKey("alice");

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "regtest-"));
  file = join(folder, "chain");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a client can see of a chain. */
const visible = (chain: Regtest): object => ({
  blocks: chain.chain.blocks.map(({ hash }) => hash),
  waiting: chain.mempool.entries().map(({ txid, fee, vsize }) => ({ txid, fee, vsize })),
});

test("a chain survives a restart: blocks, waiting transactions, coins", async () => {
  const first = await openRegtest({ file });
  const coin = fund(first, { key: alice, kind: "tr", value: 100_000 });
  const waiting = spend(first, { coins: [coin], outputs: [{ script: scriptOf(alice, "wpkh"), value: 90_000n }] });
  first.broadcast(waiting.toHex());
  const before = visible(first);
  await first.close();

  const second = await openRegtest({ file });
  assert.deepEqual(visible(second), before);
  second.mine(1);
  assert.ok(second.chain.transaction(waiting.getId()));
  assert.ok(fund(second, { key: alice, kind: "wpkh", value: 1_000 }));
  await second.close();
});

test("a block is on disk when mine returns: no close needed", async () => {
  const first = await openRegtest({ file });
  first.faucet(addressOf(alice, "wpkh"), 100_000);
  first.reorg(1);
  const second = await openRegtest({ file });
  assert.deepEqual(visible(second), visible(first));
  await first.close();
});

test("a broadcast is written within moments", async () => {
  const first = await openRegtest({ file });
  const txid = first.faucet(addressOf(alice, "wpkh"), 100_000, { confirm: false });
  assert.ok(!readFileSync(file, "utf8").includes(first.rawTransaction(txid)!));
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.ok(readFileSync(file, "utf8").includes(first.rawTransaction(txid)!));
  await first.close();
});

test("a crash while writing leaves the old file in force", async () => {
  const first = await openRegtest({ file });
  const before = visible(first);
  await first.close();
  writeFileSync(`${file}.new`, "half a sna");
  const second = await openRegtest({ file });
  assert.deepEqual(visible(second), before);
  second.mine(1);
  assert.equal(existsSync(`${file}.new`), false);
});

describe("a file that cannot be used is refused with its name and what to do", () => {
  const DIGEST_LINE = /^(.*sha256 )([0-9a-f]{64})\n/;
  const resealed = (body: string): string =>
    `conclave regtest chain, version 1, sha256 ${createHash("sha256").update(body).digest("hex")}\n${body}\n`;
  const bodyOf = (text: string): string => text.slice(text.indexOf("\n") + 1, -1);
  const changed = (text: string, change: (snapshot: { blocks: string[]; [key: string]: unknown }) => void): string => {
    const snapshot = JSON.parse(bodyOf(text)) as { blocks: string[] };
    change(snapshot);
    return resealed(JSON.stringify(snapshot));
  };
  const flip = (hex: string, at: number): string =>
    `${hex.slice(0, at)}${hex[at] === "0" ? "1" : "0"}${hex.slice(at + 1)}`;

  const cases: Record<string, [(text: string) => string, RegExp]> = {
    empty: [() => "", /not a regtest chain of ours/],
    "another program's": [() => "SQLite format 3\n", /not a regtest chain of ours/],
    torn: [(text) => text.slice(0, text.length >> 1), /checksum does not match/],
    "cut by one byte": [(text) => text.slice(0, -1), /checksum does not match/],
    "changed in one digit": [(text) => flip(text, 400), /checksum does not match/],
    "with another checksum": [(text) => text.replace(DIGEST_LINE, `$1${"0".repeat(64)}\n`), /checksum does not match/],
    "without a mempool": [(text) => changed(text, (it) => delete it["mempool"]), /mempool or extraNonce is missing/],
    "with blocks that are no hex": [(text) => changed(text, (it) => (it.blocks[0] = "zz")), /blocks, mempool/],
    "with half a block": [(text) => changed(text, (it) => (it.blocks[0] = "0011")), /not the bytes of a block/],
    "without its first block": [(text) => changed(text, (it) => it.blocks.shift()), /prev-blk-not-found/],
    "with easier work": [(text) => changed(text, (it) => (it.blocks[3] = flip(it.blocks[3]!, 150))), /bad-diffbits/],
  };
  for (const [name, [damage, reason]] of Object.entries(cases)) {
    test(name, async () => {
      const chain = await openRegtest({ file, premine: 5 });
      await chain.close();
      writeFileSync(file, damage(readFileSync(file, "utf8")));
      await assert.rejects(openRegtest({ file }), (error) => {
        assert.ok(error instanceof SnapshotCorrupt, String(error));
        assert.match(error.message, reason);
        assert.ok(error.message.startsWith(file) && error.message.endsWith("to start a new regtest chain."));
        return true;
      });
    });
  }
});
