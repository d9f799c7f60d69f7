import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { nodeFolderAt } from "./cluster/node-folder.ts";
import { isRunning, whileStopped } from "./cluster/init/while-stopped.ts";
import { StoreUnavailable } from "@conclave/node";
import { CustodyNotOpened } from "./custody-host.ts";
import { InUse } from "./in-use.ts";
import { pastLookers, prepareNode } from "./prepared-node.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "conclave-node-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Longer than a refusal takes, and well within the node's patience. */
const LOOK_MS = 700;

const NEW = { name: "alice", password: "correct", create: true };
const KNOWN = { ...NEW, create: false };

test("a vault whose making was cut off before it held anything is made again", async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, "vault"), { mode: 0o700 });
  await assert.rejects(prepareNode(dir, KNOWN), /alice: there is no vault/);
  const made = await prepareNode(dir, NEW);
  const { id } = made.custody.entry;
  await made.close();
  const again = await prepareNode(dir, NEW);
  assert.equal(again.custody.entry.id, id, "a vault that is whole is opened, not made anew");
  await again.close();
});

test("what another holds is refused as in use, and the holder goes on", async (t) => {
  const dir = folder(t);
  const first = await prepareNode(dir, NEW);
  await assert.rejects(prepareNode(dir, KNOWN), (error) => {
    assert(error instanceof InUse);
    assert.match(error.message, new RegExp(`alice: vault .* process ${process.pid}`));
    return true;
  });
  await first.store.nodes.list();
  await first.close();
});

test("a node that starts waits for whoever only looks at its files, who leaves a running one alone", async (t) => {
  const dir = folder(t);
  const node = { folder: nodeFolderAt(dir) };
  assert.equal(isRunning(node), false, "nothing was made yet");
  await (await prepareNode(dir, NEW)).close();
  const looked = Promise.withResolvers<string>();
  const looking = whileStopped(node, () => looked.promise);
  const starting = prepareNode(dir, KNOWN);
  const first = await Promise.race([starting, delay(LOOK_MS, "waits")]);
  assert.equal(first, "waits");
  looked.resolve("whole");
  assert.equal(await looking, "whole");
  const started = await starting;
  assert.equal(await whileStopped(node, () => assert.fail("it runs")), null);
  assert.equal(isRunning(node), true);
  await started.close();
  assert.equal(isRunning(node), false);
});

test("what is held is tried again; anything else is told at once", async () => {
  const failures = [
    new InUse("looked at"),
    new StoreUnavailable("locked", "looked at"),
    new StoreUnavailable("damaged", "x"),
  ];
  const asked = [...failures];
  await assert.rejects(
    pastLookers(() => Promise.reject(asked.shift()!)),
    (error) => error === failures[2],
  );
  assert.equal(asked.length, 0);
  assert.equal(await pastLookers(() => Promise.resolve("open")), "open");
});

test("a wrong password closes what was opened", async (t) => {
  const dir = folder(t);
  await (await prepareNode(dir, NEW)).close();
  await assert.rejects(prepareNode(dir, { ...KNOWN, password: "wrong" }), CustodyNotOpened);
  await (await prepareNode(dir, KNOWN)).close();
});
