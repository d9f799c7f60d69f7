/** The real command against the real server. What a node would answer is chosen by each test. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { ServiceError } from "@conclave/api";
import { failureIn, makeHome, resultIn, scene, SEND } from "./testing/command.ts";
import { PAYMENT, TOKEN } from "./testing/wire.ts";

describe("reading", () => {
  test("prints aligned tables without colour where there is no terminal", async (t) => {
    const { here } = await scene(t);
    const balance = await here("wallet", "balance");
    assert.equal(balance.code, 0, balance.stderr);
    assert.equal(
      balance.stdout,
      [
        "Spendable         100000000 sat (1.00000000 BTC)",
        "Held by payments  50000000 sat (0.50000000 BTC)",
        "Unconfirmed       2500 sat (0.00002500 BTC)",
        "Immature          0 sat (0.00000000 BTC)",
        "Confirmed in all  150000000 sat (1.50000000 BTC)",
        "In taproot        100000000 sat (1.00000000 BTC) spendable, p2tr",
        "In segwit         0 sat (0.00000000 BTC) spendable, p2wpkh",
        "Network           regtest, block 121",
        "",
      ].join("\n"),
    );
    const nodes = await here("cluster", "nodes");
    assert.match(nodes.stdout, /^Node {2}Name +Status +Last seen/);
    assert.match(nodes.stdout, /\n5 +node-5 +banned .*DoubleVote, until 2026-01-21/);
  });

  test("prints the API's answer as JSON, wherever --json stands", async (t) => {
    const { here, conclave, server, node } = await scene(t);
    assert.deepEqual(resultIn(await here("wallet", "address", "--output", "json")), await node.address());
    const first = await conclave(["--json", "--api-endpoint", server.url, "cluster", "status"]);
    assert.deepEqual(resultIn(first), await node.clusterStatus());
  });

  test("shows one payment and pages through all", async (t) => {
    const { here, node } = await scene(t);
    const older = await node.createTransaction({ body: PAYMENT, idempotencyKey: "1" });
    const newer = await node.createTransaction({ body: PAYMENT, idempotencyKey: "2" });
    const one = await here("tx", "status", older.txid);
    assert.match(one.stdout, /State +voting\n/);
    const page = await here("tx", "list", "--limit", "1");
    assert.match(page.stdout, new RegExp(`${newer.txid} .*pending +50000 .*\n\nMore: --cursor after-1\n$`, "s"));
    const rest = await here("tx", "list", "--limit", "1", "--cursor", "after-1", "--state", "pending", "--json");
    assert.deepEqual(resultIn(rest), { items: [older], next_cursor: null });
  });

  test("colours on demand, and not with --no-color", async (t) => {
    const { conclave, server } = await scene(t);
    const args = ["cluster", "status", "--api-endpoint", server.url];
    const coloured = await conclave(args, { FORCE_COLOR: "1" });
    assert.ok(coloured.stdout.includes("\u001b[32mok\u001b[39m"));
    const plain = await conclave([...args, "--no-color"], { FORCE_COLOR: "1" });
    assert.ok(!plain.stdout.includes("\u001b"));
  });

  test("on 40 columns lists rows below each other and cuts no id (A21)", async (t) => {
    const { conclave, server } = await scene(t);
    const { stdout } = await conclave(["cluster", "nodes", "--api-endpoint", server.url], {
      COLUMNS: "40",
      LC_ALL: "C",
    });
    assert.match(stdout, /Node\n {2}1\nName\n {2}node-1\n/);
    assert.equal([...stdout.matchAll(/^ {2}[0-9a-f]{64}$/gm)].length, 5);
  });

  test("shows a hostile note without its control characters (U03)", async (t) => {
    const { here, node } = await scene(t);
    const body = { ...PAYMENT, metadata: "\u001b[2Jpaid\u202e" };
    const { txid } = await node.createTransaction({ body, idempotencyKey: "1" });
    assert.match((await here("tx", "status", txid)).stdout, /Note +\\u\{1b\}\[2Jpaid\\u\{202e\}\n/);
  });
});

describe("the token", () => {
  test("missing or readable by others, is refused with the way out", async (t) => {
    const { here, data, node } = await scene(t);
    chmodSync(`${data}/api-token`, 0o644);
    const open = await here(...SEND);
    assert.equal(open.code, 2);
    assert.match(open.stderr, /chmod 600/);
    rmSync(`${data}/api-token`);
    const missing = await here(...SEND);
    assert.equal(missing.code, 6);
    assert.match(missing.stderr, /npm start.*--data/);
    for (const [make, words] of [
      [() => writeFileSync(`${data}/api-token`, "\n", { mode: 0o600 }), /is empty.*--data/],
      [() => (rmSync(`${data}/api-token`), mkdirSync(`${data}/api-token`)), /is not a file.*--data/],
    ] as const) {
      make();
      const { code, stderr } = await here(...SEND);
      assert.deepEqual([code, words.test(stderr)], [2, true], stderr);
    }
    assert.equal(node.calls, 0);
  });

  test("of another network is refused by the node, never shown, and --data is named", async (t) => {
    const { here, data } = await scene(t);
    const other = "other-network-other-network-other-1";
    writeFileSync(`${data}/api-token`, other);
    const sent = await here(...SEND);
    assert.equal(sent.code, 2);
    assert.match(sent.stderr, /does not take this API token.*--data/);
    assert.doesNotMatch(sent.stderr, /Bearer/);
    assert.doesNotMatch(sent.stdout + sent.stderr, new RegExp(`${other}|${TOKEN}`));
  });

  test("never travels in the clear to another machine", async (t) => {
    const { conclave, data } = await scene(t);
    for (const extra of [["--data", data], []]) {
      const sent = await conclave([...SEND, "--api-endpoint", "http://192.0.2.1:8080", ...extra]);
      assert.equal(sent.code, 2);
      assert.match(sent.stderr, extra.length > 0 ? /in the clear/ : /--data/);
    }
  });
});

describe("a node that cannot be asked", () => {
  test("below a path, or with TLS that it does not speak: code 2, and what is wrong with the address", async (t) => {
    const { conclave, server } = await scene(t);
    for (const [endpoint, words] of [
      [`${server.url}/wallet`, /not below that path: give --api-endpoint without one/],
      [server.url.replace("http:", "https:"), /does not speak TLS \(ERR_SSL_\w+\)/],
    ] as const) {
      const { code, stderr } = await conclave(["wallet", "balance", "--api-endpoint", endpoint]);
      assert.deepEqual([code, words.test(stderr)], [2, true], stderr);
    }
  });

  test("that is not running: code 6, and how to start it", async (t) => {
    const { here, server } = await scene(t);
    await server.close();
    const ran = await here("wallet", "balance");
    assert.equal(ran.code, 6);
    assert.equal(
      ran.stderr,
      `error: No node answers at ${server.url}: start it with "npm start", or name another with --api-endpoint.\n`,
    );
    const sent = await here(...SEND, "--json");
    assert.equal(sent.code, 6);
    assert.doesNotMatch(failureIn(sent).detail, /not known/);
  });

  test("that does not answer: code 4 after the time of the configuration", async (t) => {
    const { conclave, config, data } = makeHome(t);
    const silent = createServer((socket) => void socket.on("error", () => socket.destroy()).resume());
    await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
    t.after(() => silent.close());
    writeFileSync(config, JSON.stringify({ timeout_secs: 1 }));
    const address = silent.address();
    assert.ok(typeof address === "object" && address !== null);
    const sent = await conclave([...SEND, "--data", data, "--api-endpoint", `http://127.0.0.1:${address.port}`]);
    assert.equal(sent.code, 4);
    assert.match(sent.stderr, /did not answer in time.*not known.*--idempotency-key [0-9a-f-]{36}/);
  });

  test("that cannot sign: shown, and code 6", async (t) => {
    const { here, node } = await scene(t);
    node.status = "halted";
    const ran = await here("cluster", "status");
    assert.equal(ran.code, 6);
    assert.match(ran.stdout, /Status +halted\nReason +3 of 5 nodes answer; 4 are needed\./);
    node.status = "degraded";
    assert.equal((await here("cluster", "status")).code, 0);
  });
});

describe("config", () => {
  test("set-endpoint keeps the other keys, closes the file to others, and refuses what is no address", async (t) => {
    const { conclave, config } = makeHome(t);
    writeFileSync(config, JSON.stringify({ timeout_secs: 5 }));
    assert.equal((await conclave(["config", "set-endpoint", "https://node.example.org"])).code, 0);
    assert.deepEqual(JSON.parse(readFileSync(config, "utf8")), {
      timeout_secs: 5,
      api_endpoint: "https://node.example.org",
    });
    assert.equal(statSync(config).mode & 0o777, 0o600);
    assert.ok(!existsSync(`${config}.new`));
    const refused = await conclave(["config", "set-endpoint", "http://user:pw@host"]);
    assert.equal(refused.code, 2);
  });

  test("of a wrong file is refused, and the file is named", async (t) => {
    const { conclave, config } = makeHome(t);
    writeFileSync(config, '{"api_endpiont":"x"}');
    const ran = await conclave(["config", "show"]);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /"api_endpiont": did you mean "api_endpoint"\?/);
    assert.ok(ran.stderr.includes(config));
  });

  test("check tells what works and what does not", async (t) => {
    const { here, node, data } = await scene(t);
    const good = await here("config", "check");
    assert.equal(good.code, 0, good.stdout);
    assert.match(good.stdout, /node +ok: answers, version 0\.1\.0/);
    rmSync(`${data}/api-token`);
    node.failure = new ServiceError("not-ready", "No key yet.");
    const bad = await here("config", "check", "--json");
    assert.equal(bad.code, 6);
    const { checks } = resultIn(bad) as { checks: { ok: boolean }[] };
    assert.deepEqual(
      checks.map(({ ok }) => ok),
      [true, false, false, false],
    );
  });
});
