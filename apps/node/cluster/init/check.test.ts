/** `conclave config check FILE` and `config show FILE`: each thing that keeps a node from starting, by name. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openVault } from "@conclave/vault-file";
import { run } from "../../up/testing/command.ts";
import { freePortBase } from "../../up/testing/places.ts";
import { checkNode } from "./check.ts";
import { copyFounders, foundAll, makeFounders, NOW_MS, type Founder } from "./testing/founders.ts";
import { temporary } from "./testing/operators.ts";

const { path: root, remove } = temporary();
after(remove);
let founded: readonly Founder[];
let apart: readonly Founder[];
let port: number;
let copies = 0;

before(async () => {
  founded = await makeFounders(join(root, "made"), ["alpha", "beta"]);
  apart = copyFounders(founded, join(root, "apart"));
  await foundAll(founded, { transport: "tls" });
  port = await freePortBase();
});

function copied(from = founded): Founder & { readonly file: string } {
  const [node] = copyFounders(from.slice(0, 1), join(root, `copy-${copies++}`)) as [Founder];
  const file = join(node.dir, "config.json");
  edit(file, { api_port: port, listen_quic: `127.0.0.1:${port + 1}` });
  return { ...node, file };
}

function edit(file: string, settings: Readonly<Record<string, unknown>>): void {
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...settings }), { mode: 0o600 });
}

/** What fails, with its words. */
const failures = async (file: string, nowMs = NOW_MS): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(
    (await checkNode(file, nowMs)).filter(({ ok }) => !ok).map(({ check, detail }) => [check, detail]),
  );

const certified = async (dir: string): Promise<void> => {
  const { certsCa, certsRenew } = await import("@conclave/transport-quic");
  const ca = join(dir, "..", "ca");
  await certsCa({ folder: ca, name: "authority", nowMs: NOW_MS });
  await certsRenew({
    folder: join(dir, "certificates"),
    name: "alpha",
    authority: ca,
    hosts: [],
    days: 20,
    nowMs: NOW_MS,
  });
};

describe("config check FILE", () => {
  test("finds nothing wrong with a node that can be started, and names the end of its certificate", async () => {
    const { file, dir } = copied();
    await certified(dir);
    const checks = await checkNode(file, NOW_MS);
    assert.deepEqual(
      checks.filter(({ ok }) => !ok),
      [],
    );
    assert.deepEqual(
      checks.map(({ check }) => check),
      [
        "settings",
        "folder",
        "password",
        "API token",
        "vault",
        "network keys",
        "charter",
        "certificate",
        "API port",
        "network port",
      ],
    );
    const details = checks.map(({ detail }) => detail).join("\n");
    assert.match(details, /until 2026-12-10; warning: the certificate ends within 30 days/);
    assert.match(details, new RegExp(`tcp 127.0.0.1:${port + 1} is free`));
    const token = readFileSync(join(dir, "api-token"), "utf8").trim();
    assert.ok(!details.includes(token) && !details.includes("a password for tests"));
  });

  test("names each thing that is wrong", async () => {
    const { file, dir } = copied();
    await certified(dir);
    const DAY_MS = 86_400_000;
    assert.match((await failures(file, NOW_MS + 21 * DAY_MS))["certificate"]!, /expired: it ended on 2026-12-10/);
    assert.match((await failures(file, NOW_MS - DAY_MS))["certificate"]!, /not-yet-valid/);
    const wrong = async (check: string, words: RegExp): Promise<void> => {
      const found = await failures(file);
      assert.deepEqual(Object.keys(found), [check]);
      assert.match(found[check]!, words);
    };
    chmodSync(dir, 0o755);
    await wrong("folder", /open to other accounts. Run: chmod 700/);
    chmodSync(dir, 0o700);
    const token = join(dir, "api-token");
    writeFileSync(token, "short\n");
    await wrong("API token", /holds no token of 32 to 256/);
    writeFileSync(token, `${"t".repeat(32)}\n`);
    chmodSync(token, 0o644);
    await wrong("API token", /chmod 600/);
    chmodSync(token, 0o600);
    const password = join(dir, "password");
    writeFileSync(password, "\n", { mode: 0o600 });
    edit(file, { password_file: "password" });
    await wrong("password", /is empty/);
    chmodSync(password, 0o640);
    await wrong("password", /chmod 600/);
    rmSync(password);
    await wrong("password", /is not there/);
    edit(file, { password_file: undefined });
    chmodSync(join(dir, "network-keys"), 0o604);
    await wrong("network keys", /chmod 600/);
    chmodSync(join(dir, "network-keys"), 0o600);
    rmSync(join(dir, "journal", "safety.sqlite"));
    await wrong("vault", /it holds what this node promised. Restore it; never start without it/);
  });

  test("of a node without charter, certificate or vault, says what is missing", async () => {
    const early = copied(apart);
    rmSync(join(early.dir, "vault"), { recursive: true });
    const found = await failures(early.file);
    assert.deepEqual(Object.keys(found), ["vault", "charter"]);
    assert.match(found["charter"]!, /charter is not there/);
    const { file, dir } = copied();
    assert.match((await failures(file))["certificate"]!, /holds no certificate yet: "conclave certs node --dir/);
    await certified(dir);
    const { certsRenew } = await import("@conclave/transport-quic");
    const certificates = { folder: join(dir, "certificates"), name: "alpha", authority: join(dir, "..", "ca") };
    await certsRenew({ ...certificates, withNewKey: true, days: 20, nowMs: NOW_MS });
    assert.match(
      (await failures(file))["certificate"]!,
      /another key than the node's card names: run "conclave init card"/,
    );
    rmSync(join(dir, "cards", "beta.card"));
    assert.match((await failures(file))["charter"]!, /the cards of beta are missing/);
    edit(file, { name: "gamma" });
    rmSync(join(dir, "cards", "alpha.card"));
    assert.match((await failures(file))["charter"]!, /cards of alpha, beta are missing/);
  });

  test("of a node that the charter does not name, or whose settings are wrong, says so", async () => {
    const { file } = copied();
    edit(file, { name: "gamma" });
    assert.match((await failures(file))["charter"]!, /the charter names no node gamma: it names alpha, beta/);
    edit(file, { api_prot: 1 });
    assert.deepEqual(Object.keys(await failures(file)), ["settings"]);
    assert.match((await failures(file))["settings"]!, /"api_prot": did you mean "api_port"\?/);
  });

  test("tells a port that others hold from one that the running node holds", async () => {
    const { file, dir } = copied();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
    const { port: taken } = server.address() as { port: number };
    edit(file, { api_port: taken });
    assert.match(
      (await failures(file))["API port"]!,
      /cannot be had \(EADDRINUSE\): stop what uses it, or set another/,
    );
    const vault = openVault({ dir: join(dir, "vault"), password: "a password for tests" });
    assert.equal((await failures(file))["API port"], undefined);
    vault.close();
    assert.notEqual((await failures(file))["API port"], undefined);
    await new Promise((resolve) => server.close(resolve));
  });

  test("and show, as commands: exit code 2 for what is wrong, JSON for programs, no secret in either", async () => {
    const { file, dir } = copied();
    const token = readFileSync(join(dir, "api-token"), "utf8").trim();
    const checked = await run(["config", "check", file, "--json"]);
    assert.equal(checked.code, 2);
    const { ok, checks } = JSON.parse(checked.stdout) as { ok: boolean; checks: { check: string; ok: boolean }[] };
    assert.deepEqual([ok, checks.filter((check) => !check.ok).map(({ check }) => check)], [false, ["certificate"]]);
    const shown = await run(["config", "show", file], { CONCLAVE_LOG_LEVEL: "debug" });
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^log_level +debug +environment CONCLAVE_LOG_LEVEL$/m);
    assert.match(shown.stdout, new RegExp(`^api_port +${port} +file$`, "m"));
    assert.match(shown.stdout, /^burial_depth +6 +default$/m);
    for (const { stdout } of [checked, shown]) assert.ok(!stdout.includes(token));
    const wallet = await run(["config", "show", "--output", "json"]);
    assert.match(wallet.stdout, /"api_endpoint"/, "without a file the wallet command's own settings");
    const nowhere = await run(["config", "show", join(root, "nowhere.json")]);
    assert.deepEqual([nowhere.code, /nowhere.json is not there: .*conclave init node/.test(nowhere.stderr)], [2, true]);
    const told = await run(["config", "show", join(root, "nowhere.json"), "--json"]);
    assert.partialDeepStrictEqual(JSON.parse(told.stderr), { error: { problem: "usage", exit_code: 2 } });
  });
});
