/** Two processes on one node's folder would promise two things with one key: the second refuses to start, and says who holds it. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const ENTRY = pathToFileURL(join(import.meta.dirname, "prepared-node.ts")).href;

/** Opens the folder, says so, and stays until it is killed; or says why not and ends. */
const program = (folder: string, create: boolean): string => `
  import { prepareNode } from ${JSON.stringify(ENTRY)};
  try {
    await prepareNode(${JSON.stringify(folder)}, { name: "alice", password: "correct", create: ${create} });
    console.log("open");
    setInterval(() => {}, 1_000);
  } catch (error) {
    console.log(error.name + ": " + error.message);
    process.exit(1);
  }`;

interface Opened {
  readonly child: ChildProcess;
  /** "open", or why not. */
  readonly said: string;
}

async function open(folder: string, create = false): Promise<Opened> {
  // A file, since the custody thread would inherit what `--eval` needs.
  const file = join(folder, `${create ? "first" : "other"}.mjs`);
  writeFileSync(file, program(join(folder, "node"), create));
  const child = spawn(process.execPath, [file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, said };
}

test("the second process on a folder refuses, naming the first; after a kill -9 of that one the next may", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-second-"));
  mkdirSync(join(folder, "node"), { mode: 0o700 });
  const started: ChildProcess[] = [];
  t.after(() => {
    for (const child of started) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  const first = await open(folder, true);
  started.push(first.child);
  assert.equal(first.said, "open");

  const second = await open(folder);
  started.push(second.child);
  assert.match(second.said, new RegExp(`^InUse: alice: vault .* process ${first.child.pid}\\b`));
  const [code] = (await once(second.child, "exit")) as [number];
  assert.equal(code, 1);

  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  const third = await open(folder);
  started.push(third.child);
  assert.equal(third.said, "open", "a lock dies with its process, however that ends");
});
