import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";

const COMMAND = join(import.meta.dirname, "..", "..", "bin", "conclave.js");

/** Writes the address of every module that is loaded to stderr. */
const TELL_LOADS = `data:text/javascript,${encodeURIComponent(
  'import { registerHooks } from "node:module"; registerHooks({ load(url, context, next) { process.stderr.write(`loads ${url}\\n`); return next(url, context); } });',
)}`;

const run = (args: readonly string[], nodeArgs: readonly string[] = []) =>
  spawnSync(process.execPath, [...nodeArgs, COMMAND, ...args], { encoding: "utf8", input: "" });

describe("conclave --help", () => {
  test("lists the wallet's commands and the network's, and the exit codes", () => {
    const { status, stdout } = run(["--help"]);
    assert.equal(status, 0);
    for (const command of [
      "wallet",
      "send",
      "tx",
      "sign",
      "keys",
      "cluster",
      "config",
      "up",
      "node",
      "init",
      "certs",
      "keygen",
      "keyrefresh",
      "tss",
    ]) {
      assert.match(stdout, new RegExp(`^ {2}${command}\\b`, "m"));
    }
    assert.match(stdout, /Exit codes: 0 ok, .*6 not ready/);
    assert.equal(run([]).stdout, stdout);
  });

  test("is quick because it loads neither schemas, nor prompts, nor a node", () => {
    const { stderr } = run(["--help"], ["--import", TELL_LOADS]);
    assert.match(stderr, /loads .*commander/);
    assert.doesNotMatch(stderr, /loads .*(?:\/zod\/|core\/api|@clack|apps\/node|fastify)/);
  });
});

describe("the help of a command", () => {
  test("of another program is its own, also after the wallet command's options, and after help", () => {
    const { stdout } = run(["audit", "export", "--help"]);
    assert.match(stdout, /--out <file>/);
    for (const args of [
      ["--api-endpoint", "http://127.0.0.1:1", "audit", "export", "--help"],
      ["--json", "--data", "up", "audit", "export", "-h"],
      ["help", "audit", "export"],
    ]) {
      const helped = run(args);
      assert.deepEqual([helped.status, helped.stdout], [0, stdout], args.join(" "));
    }
    assert.match(run(["--data", "audit", "tx", "list", "--help"]).stdout, /^Usage: conclave tx list /);
  });

  test("is what a missing option points to", () => {
    for (const [command, ...rest] of [["up", "--nodes", "x"], ["node"], ["audit", "export"], ["evidence", "verify"]]) {
      const { status, stderr } = run([command!, ...rest]);
      assert.equal(status, 2);
      assert(stderr.includes(`"conclave ${command} --help" shows what there is`), stderr);
    }
    for (const [args, command] of [
      [["cluster", "acknowledge", "00"], "conclave cluster acknowledge"],
      [["--data", "here", "tx", "reject", "00"], "conclave tx reject"],
      [["send", "--to", "x"], "conclave send"],
      [["tx", "status"], "conclave tx status"],
    ] as const) {
      const { status, stderr } = run(args);
      assert.equal(status, 2);
      assert(stderr.includes(`"${command} --help" shows what there is`), stderr);
    }
  });
});

test("asking a node never loads one", () => {
  const { stderr } = run(["wallet", "balance", "--api-endpoint", "http://127.0.0.1:1"], ["--import", TELL_LOADS]);
  assert.match(stderr, /loads .*core\/api/);
  assert.doesNotMatch(stderr, /loads .*(?:apps\/node|fastify|@clack)/);
});

describe("what is typed wrong", () => {
  test("ends with 2, on stderr, with a suggestion", () => {
    for (const [args, words] of [
      [["walet"], /unknown command 'walet' \(Did you mean wallet\?\)/],
      [["wallet", "balance", "--jsn"], /unknown option '--jsn' \(Did you mean --json\?\)/],
      [["tx", "status", "xyz"], /64 hexadecimal digits/],
      [["wallet"], /Name one of the subcommands/],
      [["wallet", "balance", "--json", "--output", "table"], /contradict/],
      [["tx", "list", "--state", "paid"], /there are pending/],
      [["--json", "up"], /first and its options after it/],
    ] as const) {
      const { status, stdout, stderr } = run(args);
      assert.equal(status, 2, args.join(" "));
      assert.equal(stdout, "", args.join(" "));
      assert.match(stderr, words);
      assert.doesNotMatch(stderr, /at .*\.ts:\d+/);
    }
  });

  test("is told in JSON to who asked for JSON", () => {
    const { status, stderr } = run(["walet", "--json"]);
    assert.equal(status, 2);
    assert.partialDeepStrictEqual(JSON.parse(stderr), { error: { problem: "usage", exit_code: 2 } });
  });
});

test("a reader that has read enough ends it quietly (A21)", async () => {
  const child = spawn(process.execPath, [COMMAND, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  // Closed before the first byte: whatever is written next meets a broken pipe.
  child.stdout.destroy();
  const code = await new Promise((resolve) => void child.on("close", resolve));
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
});
