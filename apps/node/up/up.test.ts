/** `conclave up --in-process` as its users start, stop and mistreat it: real processes on a real folder. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { folderAt, readSecret } from "./folder.ts";
import { apiAt, type Api } from "./testing/api.ts";
import { killAll, phase, run, start, type PhaseLine, type Started } from "./testing/command.ts";
import { freePortBase, temporaryFolder } from "./testing/places.ts";

const temporary = temporaryFolder();
const five = join(temporary.path, "five");
const four = join(temporary.path, "four");
let portBase = 0;

before(async () => {
  portBase = await freePortBase();
});
after(async () => {
  await killAll();
  temporary.remove();
});

const FIVE = ["node1", "node2", "node3", "node4", "node5"];
const PHASES = ["nodes up", "key", "wallet", "faucet", "proposed", "approved", "signed", "broadcast", "confirmed"];

const upWithBothKeys = (data: string, ...args: readonly string[]): readonly string[] => [
  "up",
  "--in-process",
  "--data",
  data,
  "--port-base",
  String(portBase),
  ...args,
];

/** With the quicker of the two keys alone, where the other does not matter. */
const up = (data: string, ...args: readonly string[]): readonly string[] => [
  ...upWithBothKeys(data, "--taproot-only"),
  ...args,
];

interface Report {
  readonly ok: true;
  readonly address: string;
  readonly txid: string;
  readonly confirmations: number;
  readonly signers: readonly string[];
  readonly segwit: { readonly address: string; readonly key: string } | null;
  readonly timings: Readonly<Record<string, number>>;
}

/** The lines of `up --once --json`: phases, then the report. */
function read(stdout: string): { readonly phases: readonly PhaseLine[]; readonly report: Report } {
  const lines = stdout.split("\n").map((line) => JSON.parse(line) as PhaseLine);
  return { phases: lines.slice(0, -1), report: lines.at(-1) as unknown as Report };
}

const phaseOf = (phases: readonly PhaseLine[], name: string): PhaseLine => phases.find((line) => line.phase === name)!;

/** Files that say that a process uses the folder. */
const leftovers = (data: string): readonly string[] =>
  (readdirSync(data, { recursive: true }) as string[]).filter((file) => /\.pid$|-wal$|-shm$|\.tmp$|\.new/.test(file));

const apiOf = (data: string, node: number): Api =>
  apiAt(`http://127.0.0.1:${portBase + node}`, readSecret(folderAt(data).tokenFile));

/** Ends a running network as Ctrl-C does. */
async function interrupt(process: Started): Promise<number | null> {
  process.child.kill("SIGINT");
  return (await process.ended).code;
}

describe("conclave up, on a folder of its own", () => {
  let first: { readonly address: string; readonly key: string };

  test("--once makes a key, pays, shows each phase once and ends with 0", async () => {
    const { code, stdout, stderr } = await run(up(five, "--once"));
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    const shown = stdout.split("\n").flatMap((line) => /^✔ (.{14}) /.exec(line)?.[1]?.trim() ?? []);
    assert.deepEqual(shown, PHASES);
    assert.match(stdout, /✔ approved +4 of 5 votes/);
    assert.match(stdout, /Done in \d+\.\d s\. The network is in .*five\./);
    const details = stdout.split("\n").filter((line) => line.startsWith("  "));
    assert.equal(new Set(details).size, details.length, "no line twice");
    assert.deepEqual(leftovers(five), []);
  });

  test("a second start goes on with the same key and address, and --json writes a JSON line per phase and a report", async () => {
    const { code, stdout, stderr } = await run(up(five, "--once", "--json", "--nodes", "5"));
    assert.equal(code, 0, stderr);
    const { phases, report } = read(stdout);
    assert.deepEqual(
      phases.map((line) => line.phase),
      PHASES.filter((name) => name !== "faucet"),
    );
    for (const { ms } of phases) assert(Number.isSafeInteger(ms));
    const { ok, address, txid, confirmations, signers, segwit, timings } = report;
    assert.deepEqual([ok, confirmations, segwit], [true, 1, null]);
    assert.match(address, /^bcrt1p[0-9a-z]{58}$/);
    assert.match(txid, /^[0-9a-f]{64}$/);
    assert.equal(signers.length, 4);
    assert(signers.every((name) => FIVE.includes(name)));
    assert.deepEqual(Object.keys(timings), [...phases.map((line) => line.phase!.replace(" ", "_")), "total"]);
    first = { address, key: phaseOf(phases, "wallet")["key"] as string };
    assert.equal(phaseOf(phases, "wallet")["address"], address);
  });

  test("other names or numbers than the folder's network has are refused, and it says what to do", async () => {
    for (const args of [
      ["--nodes", "4"],
      ["--names", "alice,bob,charlie,dave"],
      ["--threshold", "3"],
      ["--quorum", "5"],
    ]) {
      const { code, stderr, stdout } = await run(up(five, "--once", ...args));
      assert.equal(code, 1);
      assert.match(stderr, /holds a network of node1, node2, node3, node4, node5 with threshold 4 and quorum 4/);
      assert.match(stderr, /--data, or start over with --fresh/);
      assert.equal(stdout, "");
    }
  });

  test("while it runs, nobody else opens its folder, and it does not mind; --json tells what its nodes do; Ctrl-C ends it with nothing left over", async () => {
    const running = start(up(five, "--json"));
    const wallet = await phase(running, "wallet");
    assert.deepEqual([wallet["address"], wallet["key"]], [first.address, first.key], "the same wallet");
    assert.equal((await apiOf(five, 1).payments()).length, 2, "the same history");

    const holder = new RegExp(`a network already runs in .*five \\(process ${running.child.pid}\\): stop it first`);
    for (const args of [up(five, "--once"), up(five, "--port-base", "33000"), up(five, "--fresh", "--yes")]) {
      const second = await run(args);
      assert.equal(second.code, 75, second.stderr);
      assert.match(second.stderr, holder);
    }
    const { status, online } = await apiOf(five, 4).status();
    assert.deepEqual([status, online], ["ok", 5]);

    const { body } = await apiOf(five, 1).pay({ recipient: first.address, amount_sats: 10_000 }, "told");
    const told = await running.line((line) => {
      const said = JSON.parse(line) as Readonly<Record<string, unknown>>;
      return said["node"] === "node3" && said["request"] === body.txid && said["state"] === "confirmed"
        ? said
        : undefined;
    });
    assert.deepEqual([told["event"], typeof told["at_ms"], told["reason"]], ["state", "number", null]);
    assert.equal(await interrupt(running), 0);
    assert.deepEqual(leftovers(five), []);
  });

  test("a node whose folder is gone is missed, not made anew", async () => {
    const [here, away] = [join(five, "node2"), join(temporary.path, "node2")];
    renameSync(here, away);
    const { code, stderr } = await run(up(five, "--once"));
    assert.equal(code, 1);
    assert.match(
      stderr,
      /node2 is gone, and with it node2's share and journal: put it back, or start over with --fresh/,
    );
    assert(!existsSync(here));
    renameSync(away, here);
  });
});

describe("conclave up, with a choice of nodes", () => {
  test("numbers that are not safe are refused with those that would do, before anything is made", async () => {
    const cases: readonly (readonly [args: readonly string[], advice: RegExp])[] = [
      [["--threshold", "6"], /a threshold of 4 and the same quorum would do/],
      [["--nodes", "4", "--threshold", "2", "--quorum", "2"], /with threshold 2, a quorum of 4 to 4 would do/],
      [["--nodes", "7", "--threshold", "4", "--quorum", "4"], /with threshold 4, a quorum of 6 to 7 would do/],
      [["--nodes", "1"], /from 2 to 32/],
      [["--names", "alice,alice"], /different names/],
      [["--names", "alice,bob", "--nodes", "3"], /--nodes 3 and 2 names do not agree/],
    ];
    for (const [args, advice] of cases) {
      const { code, stderr } = await run(up(join(temporary.path, "never"), "--once", ...args));
      assert.equal(code, 2, stderr);
      assert.match(stderr, advice);
    }
    assert(!existsSync(join(temporary.path, "never")));
  });

  test("a taken port is named, and nothing is left behind", async () => {
    for (const offset of [2, 100]) {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: portBase + offset }, resolve));
      const { code, stderr } = await run(up(join(temporary.path, "port"), "--once"));
      await new Promise((resolve) => server.close(resolve));
      assert.equal(code, 75, "as for a folder that is in use");
      assert.match(stderr, new RegExp(`port ${portBase + offset} is taken.*--port-base`));
      assert(!existsSync(join(temporary.path, "port")));
    }
  });

  test("a folder that cannot be one is named, whatever stands there", async () => {
    const file = join(temporary.path, "a-file");
    writeFileSync(file, "");
    for (const data of [file, join(file, "below")]) {
      const { code, stderr } = await run(up(data, "--once"));
      assert.deepEqual(
        [code, /a-file.* cannot be a folder \(E\w+\): choose another with --data/.test(stderr)],
        [1, true],
        stderr,
      );
    }
  });

  test("document 004's four names make a network, which can be interrupted while it makes its key and gone on with", async () => {
    const names = ["--names", "dave,alice,bob,charlie"];
    const interrupted = start(up(four, "--json", ...names));
    assert.deepEqual((await phase(interrupted, "nodes up"))["nodes"], ["alice", "bob", "charlie", "dave"]);
    assert.equal(await interrupt(interrupted), 130);
    assert.deepEqual(leftovers(four), []);
    const { code, stdout, stderr } = await run(up(four, "--once", "--json", ...names));
    assert.equal(code, 0, stderr);
    const { signers } = read(stdout).report;
    assert.equal(signers.length, 3, "three of four sign");
    assert(signers.every((name) => ["alice", "bob", "charlie", "dave"].includes(name)));
  });

  test("--fresh asks first, and with --yes makes another key, then the segwit account's", async () => {
    const token = readSecret(folderAt(four).tokenFile);
    const asked = await run(up(four, "--once", "--fresh"));
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /forgets a key for ever; without a terminal to ask at, add --yes/);
    assert.equal(readSecret(folderAt(four).tokenFile), token);
    const fresh = ["--once", "--json", "--fresh", "--yes", "--nodes", "3"];
    const { code, stdout, stderr } = await run(upWithBothKeys(four, ...fresh));
    assert.equal(code, 0, stderr);
    const { phases, report } = read(stdout);
    assert.deepEqual(phaseOf(phases, "nodes up")["nodes"], ["node1", "node2", "node3"]);
    assert.deepEqual(
      phases.slice(-2).map((line) => line.phase),
      ["confirmed", "segwit key"],
      "the payment does not wait for the second key",
    );
    const { address, key } = phaseOf(phases, "segwit key");
    assert.deepEqual(report.segwit, { address, key });
    assert.match(report.segwit?.address ?? "", /^bcrt1q[0-9a-z]{38}$/);
    assert(!existsSync(join(four, "alice")));
    assert.notEqual(readSecret(folderAt(four).tokenFile), token);
  });
});
