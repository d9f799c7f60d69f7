/** `conclave up` with its nodes as processes, and `conclave node` on one of their folders, as users start and mistreat them. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { folderAt, readSecret } from "./folder.ts";
import { apiAt, type Api } from "./testing/api.ts";
import { killAll, phase, run, start, type PhaseLine } from "./testing/command.ts";
import { freePortBase, temporaryFolder } from "./testing/places.ts";
import { until } from "./testing/waiting.ts";

/** Starting processes on a machine that does much else. */
const PATIENCE_MS = 30_000;

const temporary = temporaryFolder();
const root = join(temporary.path, "three");
let portBase = 0;

before(async () => {
  portBase = await freePortBase();
});
after(async () => {
  await killAll();
  temporary.remove();
});

const up = (...args: readonly string[]): readonly string[] => [
  "up",
  "--taproot-only",
  "--nodes",
  "3",
  "--data",
  root,
  "--port-base",
  String(portBase),
  ...args,
];
const api = (node: number): Api => apiAt(`http://127.0.0.1:${portBase + node}`, readSecret(folderAt(root).tokenFile));
const fileOf = (name: string, ...path: readonly string[]): string => join(root, name, ...path);
const last = (stdout: string): PhaseLine => JSON.parse(stdout.split("\n").at(-1)!) as PhaseLine;

/** Whether a process is there. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("conclave up, with a process for every node", () => {
  let address = "";

  test("founds a cluster, makes a key over TLS, pays, and leaves no process behind", async () => {
    const { code, stdout, stderr } = await run(up("--once", "--json", "--transport", "tls"));
    assert.equal(code, 0, stderr);
    const lines = stdout.split("\n").map((line) => JSON.parse(line) as PhaseLine);
    const pids = lines[0]!["pids"] as readonly number[];
    assert.equal(new Set(pids).size, 3);
    assert.deepEqual(
      pids.filter((pid) => lives(pid)),
      [],
    );
    const { ok, signers } = last(stdout) as PhaseLine & { readonly signers: readonly string[] };
    assert.deepEqual([ok, signers.length], [true, 3]);
    address = last(stdout)["address"] as string;
    const leftovers = (readdirSync(root, { recursive: true }) as string[]).filter((file) => /\.new$|-wal$/.test(file));
    assert.deepEqual(leftovers, []);
  });

  test("goes on with the network that the nodes agreed on, and refuses another", async () => {
    const other = await run(up("--once", "--transport", "libp2p"));
    assert.equal(other.code, 1);
    assert.match(other.stderr, /agreed to talk over tls: write --transport tls, or start over with --fresh/);
    const both = await run(up("--in-process", "--transport", "tls"));
    assert.deepEqual([both.code, /--in-process has no processes/.test(both.stderr)], [2, true], both.stderr);
    for (const [flag, address] of [
      ["--postgres", "mysql://user:secret@host/db"],
      ["--etcd", "http://127.0.0.1:2379,nonsense"],
    ] as const) {
      const { code, stderr } = await run(["up", flag, address, "--data", join(temporary.path, "never")]);
      assert.deepEqual(
        [code, /takes (?:an address|addresses) like/.test(stderr), stderr.includes("secret")],
        [2, true, false],
      );
    }
    const written = JSON.parse(readFileSync(fileOf("node1", "config.json"), "utf8")) as Record<string, unknown>;
    const policy = { max_payment_sats: 5_000_000 };
    writeFileSync(fileOf("node1", "config.json"), JSON.stringify({ ...written, policy }));
    const again = await run(up("--once", "--json"));
    assert.equal(again.code, 0, again.stderr);
    assert.equal(last(again.stdout)["address"], address, "the same wallet");
    const kept = JSON.parse(readFileSync(fileOf("node1", "config.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual(kept["policy"], policy, "what the operator wrote");
    const ignored = await run(up("--once", "--in-process"));
    assert.deepEqual(
      [ignored.code, /node1.config\.json sets "policy"/.test(ignored.stderr)],
      [1, true],
      ignored.stderr,
    );
    writeFileSync(fileOf("node1", "config.json"), JSON.stringify({ ...written, polcy: policy }));
    const misspelt = await run(up("--once"));
    assert.deepEqual([misspelt.code, /did you mean "policy"/.test(misspelt.stderr)], [2, true], misspelt.stderr);
    writeFileSync(fileOf("node1", "config.json"), JSON.stringify(written));
  });

  test("its nodes end with it, however it ends, and the next start goes on", async () => {
    const running = start(up("--json"));
    const pids = (await phase(running, "nodes up"))["pids"] as readonly number[];
    await phase(running, "wallet");
    running.child.kill("SIGKILL");
    await running.ended;
    await until("the nodes' processes end", PATIENCE_MS, () => (pids.some(lives) ? undefined : true));
    const { code, stdout, stderr } = await run(up("--once", "--json"));
    assert.deepEqual([code, last(stdout)["address"]], [0, address], stderr);
  });

  test("a node that is gone says why it cannot start, and nothing else stays up", async () => {
    renameSync(fileOf("node2", "charter"), fileOf("node2", "charter.away"));
    const { code, stderr } = await run(up("--once"));
    renameSync(fileOf("node2", "charter.away"), fileOf("node2", "charter"));
    assert.equal(code, 1);
    assert.match(stderr, /node2.charter is gone: put it back, or start over with --fresh/);
    writeFileSync(
      fileOf("node2", "charter"),
      readFileSync(fileOf("node2", "charter"), "utf8").replace(/.{9}\n$/, "\n"),
    );
  });
});

describe("conclave node, on a folder of that network", () => {
  const config = (): string => fileOf("node3", "config.json");
  const node = (...args: readonly string[]) => run(["node", "--config", config(), ...args]);
  const refusedWith = async (wanted: number, detail: RegExp, ...args: readonly string[]): Promise<void> => {
    const { code, stderr, stdout } = await node(...args);
    assert.equal(code, wanted, stderr);
    assert.match(stderr, detail);
    assert.equal(stdout, "");
  };
  const refused = (detail: RegExp, ...args: readonly string[]) => refusedWith(1, detail, ...args);
  /** For as long as `work` takes, the file is another one. */
  const changed = async (path: string, change: (text: Buffer) => Buffer | string, work: () => Promise<void>) => {
    const before = readFileSync(path);
    writeFileSync(path, change(before));
    try {
      await work();
    } finally {
      writeFileSync(path, before);
    }
  };

  test("refuses a charter that was cut, and one that lacks a card", async () => {
    const cut = (text: Buffer): string => `${text.toString().trim().slice(0, -7)}
`;
    await changed(fileOf("node3", "charter"), cut, () => refused(/charter cannot be read: /));
    const card = fileOf("node3", "cards", "node1.card");
    renameSync(card, `${card}.away`);
    await refused(/the cards of node1 are missing .*ask their operators/);
    renameSync(`${card}.away`, card);
  });

  test("refuses a wrong password, and one that others can read", async () => {
    const wrong = join(temporary.path, "wrong-password");
    writeFileSync(wrong, "not it\n", { mode: 0o600 });
    await refused(/node3: .*password/, "--password-file", wrong);
    const open = join(temporary.path, "open-password");
    writeFileSync(open, readFileSync(folderAt(root).passwordFile), { mode: 0o644 });
    await refused(/others can read .*chmod 600/, "--password-file", open);
    await refused(/cannot read the password file/, "--password-file", join(temporary.path, "none"));
  });

  test("refuses a damaged vault, naming the file", async () => {
    const flip = (bytes: Buffer): Buffer => {
      const flipped = Buffer.from(bytes);
      flipped[40]! ^= 1;
      return flipped;
    };
    await changed(fileOf("node3", "vault", "identity.sealed"), flip, () =>
      refused(/node3: vault file identity\.sealed is damaged: .*Restore this file from a backup/),
    );
  });

  test("refuses without its journal, and makes no new one", async () => {
    renameSync(fileOf("node3", "journal"), fileOf("node3", "journal.away"));
    await refused(/node3: journal .*safety\.sqlite: there is none/);
    assert(!existsSync(fileOf("node3", "journal", "safety.sqlite")));
    rmSync(fileOf("node3", "journal"), { recursive: true, force: true });
    renameSync(fileOf("node3", "journal.away"), fileOf("node3", "journal"));
  });

  test("refuses a name that the charter has not, and another node's vault", async () => {
    const renamed = (name: string) => (text: Buffer) => text.toString().replace('"node3"', `"${name}"`);
    await changed(config(), renamed("eve"), () => refused(/names no node eve: its nodes are node1, node2, node3/));
    await changed(config(), renamed("node1"), () => refused(/the vault in .* is not node1's/));
  });

  test("refuses settings that are wrong, with what was probably meant; code 2", async () => {
    const unknown = (text: Buffer): string => text.toString().replace('"api_port"', '"api_prot"');
    await changed(config(), unknown, () => refusedWith(2, /Unknown setting "api_prot": did you mean "api_port"\?/));
    await refusedWith(2, /"api_port" \(from a flag\): must be a port/, "--port", "many");
    const { code, stderr } = await run(["node", "--config", config()], { CONCLAVE_API_PROT: "8080" });
    assert.deepEqual([code, /did you mean "CONCLAVE_API_PORT"\?/.test(stderr)], [2, true], stderr);
  });

  test("runs one node, whose API says what it waits for; a second one on its folder is refused", async () => {
    const running = start(["node", "--config", config()]);
    const { status, reasons, online } = await until("its API", PATIENCE_MS, () =>
      api(2)
        .status()
        .catch(() => undefined),
    );
    assert.deepEqual([status, online], ["halted", 1]);
    assert.match(reasons[0]!, /1 of 3 nodes can vote and sign, 3 are needed/);
    assert.ok((await api(2).payments()).length >= 2, "its history is there");
    const second = await node();
    assert.equal(second.code, 75, second.stderr);
    assert.match(second.stderr, new RegExp(`node3: vault .*: process ${running.child.pid} .*uses it`));
    running.child.kill("SIGTERM");
    assert.equal((await running.ended).code, 0, running.errors());
  });
});
