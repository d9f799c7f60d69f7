/** An operator's evening: a policy written into a file, payments that wait for it, and what the console and the commands say. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DEMO_RECIPIENT } from "./recipient.ts";
import type { Transaction } from "@conclave/api";
import { configFileOf } from "./node-configs.ts";
import { folderAt } from "./folder.ts";
import { killAll, run, start, type Started } from "./testing/command.ts";
import { freePortBase, temporaryFolder } from "./testing/places.ts";
import { until } from "./testing/waiting.ts";

/** On a machine that does much else. */
const PATIENCE_MS = 60_000;
const NAMES = ["node1", "node2", "node3"];

const temporary = temporaryFolder();
const root = join(temporary.path, "by-hand");
let portBase = 0;
let nodes: Started;

const SHAPE = ["--nodes", "3", "--threshold", "2", "--taproot-only", "--transport", "tls"] as const;

const up = (...args: readonly string[]): readonly string[] => {
  const place = ["--data", root, "--port-base", String(portBase)] as const;
  return ["up", ...SHAPE, ...place, ...args];
};
/** A wallet command at one node. */
const at = (node: number, ...args: readonly string[]) =>
  run([...args, "--api-endpoint", `http://127.0.0.1:${portBase + node}`, "--data", root]);
const shown = async (txid: string): Promise<Transaction> => {
  const { stdout, stderr } = await at(0, "tx", "status", txid, "--json");
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as Transaction;
};

before(async () => {
  portBase = await freePortBase(3);
  const founded = await run(up("--once"));
  assert.equal(founded.code, 0, founded.stderr);
  for (const name of NAMES) {
    const file = configFileOf(folderAt(root), name);
    const config = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...config, policy: { approval: "manual" } }));
  }
  nodes = start(up());
  await nodes.line((line) => (line.startsWith("The network is up") ? true : undefined));
});
after(async () => {
  await killAll();
  temporary.remove();
});

describe("payments by hand in a local network", () => {
  test("wait for the operators whose policy stands in the files, and are looked at by their first digits", async () => {
    const sent = await at(0, "send", "--to", DEMO_RECIPIENT, "--amount", "20000", "--json");
    assert.equal(sent.code, 0, sent.stderr);
    const { txid } = JSON.parse(sent.stdout) as Transaction;
    const short = txid.slice(0, 8);
    await until("all wait", PATIENCE_MS, async () => (await shown(short)).waits_for.length === 3 || undefined);
    const { fee_sats: fee, votes } = await shown(short);
    assert.equal(votes.approve, 0);

    const useless = await at(0, "tx", "approve", txid, "--max-fee", "1");
    assert.equal(useless.code, 3, useless.stdout);
    assert.match(useless.stderr, new RegExp(`fee is ${fee} sat, and you would approve at most 1 sat: nothing was app`));
    assert.equal((await shown(short)).waits_for.length, 3);

    const first = await at(0, "tx", "approve", txid, "--max-fee", "3000", "--reason", "invoice 7");
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^Approved by node1, up to a fee of 3000 sat; 1 of 2 votes needed are in\.\n/);
    assert.doesNotMatch(first.stdout, /Waits for .*node1/);
    const again = await at(0, "tx", "approve", txid, "--max-fee", "2000");
    assert.match(again.stdout, /^Approved by node1, up to a fee of 3000 sat/, "what holds, not what was asked last");
    const second = await at(1, "tx", "approve", txid, "--max-fee", "5000");
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /^Approved by node2, up to a fee of 5000 sat; 2 of 2 votes needed are in\.\n/);
    await until("confirmed", PATIENCE_MS, async () => (await shown(txid)).state === "confirmed" || undefined);
    const late = await at(2, "tx", "reject", short, "--reason", "too late");
    assert.equal(late.code, 3, late.stderr);
  });

  test("end with the no of enough operators, and say whose", async () => {
    const sent = await at(0, "send", "--to", DEMO_RECIPIENT, "--amount", "21000", "--json");
    const { txid } = JSON.parse(sent.stdout) as Transaction;
    await until("all wait", PATIENCE_MS, async () => (await shown(txid)).waits_for.length === 3 || undefined);
    const { fee_sats: fee } = await shown(txid);
    const yes = await at(2, "tx", "approve", txid);
    assert.match(yes.stdout, new RegExp(`^Approved by node3, up to a fee of ${fee} sat; 1 of 2 votes`), yes.stderr);
    const first = await at(0, "tx", "reject", txid.slice(0, 10), "--reason", "never heard of them");
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^Rejected by node1; 1 of 2 votes needed are in, 1 against\.\n/);
    assert.equal((await at(1, "tx", "reject", txid, "--reason", "nor I")).code, 0);
    await until("rejected", PATIENCE_MS, async () => (await shown(txid)).state === "rejected" || undefined);
  });
});
