/** Servers that are no Esplora at all, or a hostile one: nothing they send gets further than a named error. */
import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, test } from "node:test";
import { hash256, printHash } from "@conclave/bitcoin";
import { GENESIS_HASH, openRegtest } from "@conclave/bitcoin-regtest";
import { type BitcoinChain, ChainLied, ChainRefused, ChainUnreachable, EndpointInvalid, openEsplora } from "./index.ts";
import { FAILURES_TO_REST, REST_MS } from "./breaker.ts";
import { QuickClock } from "./testing/quick-clock.ts";

const TXID = "ab".repeat(32);
const SCRIPT = Uint8Array.of(0x51);
const TIMEOUT_MS = 150;

let server: Server | null = null;
let clock: QuickClock;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
});

async function start(listener: RequestListener): Promise<BitcoinChain> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  clock = new QuickClock({ deadlineMs: TIMEOUT_MS });
  return openEsplora({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
    genesisHash: GENESIS_HASH,
    allowPrivateHosts: true,
    clock,
    random: () => 0,
    timeoutMs: TIMEOUT_MS,
    maxResponseBytes: 100_000,
    attempts: 2,
  });
}

/** Answers the first block rightly and everything else with `body`. */
const always =
  (body: string, status = 200): RequestListener =>
  ({ url }, response) => {
    if (url === "/api/block-height/0") return void response.end(GENESIS_HASH);
    response.writeHead(status).end(body);
  };

/** Answers by path, below /api. */
const paths = (answers: Readonly<Record<string, string>>): RequestListener => {
  const all: Readonly<Record<string, string>> = { "/block-height/0": GENESIS_HASH, ...answers };
  return ({ url }, response) => {
    const body = all[url!.slice("/api".length)];
    response.writeHead(body === undefined ? 404 : 200).end(body ?? "not found");
  };
};

const lied = (run: Promise<unknown>, reason: RegExp): Promise<void> =>
  assert.rejects(run, (error) => {
    assert.ok(error instanceof ChainLied, String(error));
    assert.match(error.message, reason);
    return true;
  });

describe("bodies", () => {
  test("10 MB are cut off at the limit", async () => {
    let sent = 0;
    const esplora = await start(({ url }, response) => {
      if (url === "/api/block-height/0") return void response.end(GENESIS_HASH);
      const chunk = Buffer.alloc(65_536, 0x31);
      const more = (): void => {
        if (sent >= 10_000_000 || response.destroyed) return void response.end();
        sent += chunk.length;
        if (response.write(chunk)) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    });
    await lied(esplora.tip(), /answer exceeds 100000 bytes/);
    assert.ok(sent < 10_000_000, `${sent} bytes were sent`);
  });
  test("dripping ones hit the deadline", async () => {
    const esplora = await start(({ url }, response) => {
      if (url === "/api/block-height/0") return void response.end(GENESIS_HASH);
      const timer = setInterval(() => response.write("0"), 20);
      response.on("close", () => clearInterval(timer));
    });
    await assert.rejects(
      esplora.tip(),
      (error) => error instanceof ChainUnreachable && /no full answer within 150 ms/.test(error.message),
    );
  });
  for (const [what, body] of [
    ["nothing", ""],
    ["a web page", "<html>Just a moment...</html>"],
    ["cut JSON", '{"confirmed":'],
  ] as const) {
    test(`${what} is no JSON`, async () => lied((await start(always(body))).feeEstimates(), /not JSON/));
  }
});

describe("statuses", () => {
  for (const status of [500, 502, 403, 204, 101 + 300]) {
    test(`${status} is unreachable, and not tried again`, async () => {
      const esplora = await start(always("", status));
      await assert.rejects(esplora.feeEstimates(), ChainUnreachable);
      assert.deepEqual(clock.sleeps, []);
    });
  }
  test("400 is a refusal with the server's words", async () => {
    const esplora = await start(always("Too many history entries", 400));
    await assert.rejects(
      esplora.utxos(SCRIPT),
      (error) => error instanceof ChainRefused && error.raw === "Too many history entries",
    );
  });
  test("Retry-After is heeded, within limits", async () => {
    let asked = 0;
    const esplora = await start((request, response) => {
      if (request.url === "/api/block-height/0") return void response.end(GENESIS_HASH);
      if (asked++ > 0) return void response.end("{}");
      response.writeHead(429, { "retry-after": "3" }).end();
    });
    await esplora.feeEstimates();
    assert.deepEqual(clock.sleeps, [3_000]);
  });
  for (const [status, target] of [
    [301, "http://169.254.169.254/latest/meta-data"],
    [302, "/elsewhere"],
    [307, "file:///etc/passwd"],
    [308, "https://example.com"],
  ] as const) {
    test(`${status} to ${target} is not followed (A11)`, async () => {
      const seen: string[] = [];
      const esplora = await start(({ url }, response) => {
        seen.push(url!);
        response.writeHead(status, { location: target }).end();
      });
      await assert.rejects(
        esplora.tip(),
        (error) => error instanceof ChainUnreachable && error.message.includes(target),
      );
      assert.deepEqual(seen, ["/api/block-height/0"]);
    });
  }
  test("a closed port is unreachable", async () => {
    const esplora = await start(always(""));
    server!.closeAllConnections();
    await new Promise((resolve) => server!.close(resolve));
    await assert.rejects(esplora.tip(), ChainUnreachable);
  });
});

describe("shapes", () => {
  const position = '{"confirmed":true,"block_height":1,"block_hash":"HASH","block_time":1}'.replace("HASH", TXID);
  for (const [what, body, reason] of [
    ["no list", "{}", /utxo: expected a list/],
    ["no object in the list", "[3]", /utxo\[0\]: expected an object/],
    ["a txid that is none", `[{"txid":"${TXID.slice(1)}"}]`, /utxo\[0\]\.txid: expected 64/],
    ["a txid in capitals", `[{"txid":"${TXID.toUpperCase()}"}]`, /utxo\[0\]\.txid: expected 64/],
    ["half an index", `[{"txid":"${TXID}","vout":0.5}]`, /utxo\[0\]\.vout: expected a whole number/],
    ["a negative value", `[{"txid":"${TXID}","vout":0,"value":-1}]`, /utxo\[0\]\.value: expected a whole number/],
    ["a value as text", `[{"txid":"${TXID}","vout":0,"value":"1"}]`, /utxo\[0\]\.value: expected a whole number/],
    ["more than all money", `[{"txid":"${TXID}","vout":0,"value":2100000000000001}]`, /utxo\[0\]\.value/],
    ["no status", `[{"txid":"${TXID}","vout":0,"value":1}]`, /utxo\[0\]\.status: expected an object/],
    [
      "a status of 1",
      `[{"txid":"${TXID}","vout":0,"value":1,"status":{"confirmed":1}}]`,
      /status\.confirmed: expected true/,
    ],
    [
      "an unknown transaction",
      `[{"txid":"${TXID}","vout":0,"value":1,"status":${position}}]`,
      /there is no such output/,
    ],
  ] as const) {
    test(`utxo: ${what}`, async () => {
      const esplora = await start(({ url }, response) => {
        if (url === "/api/block-height/0") return void response.end(GENESIS_HASH);
        if (url!.endsWith("/hex")) return void response.writeHead(404).end();
        response.end(body);
      });
      await lied(esplora.utxos(SCRIPT), reason);
    });
  }
  for (const [what, body] of [
    ["no object", "[1]"],
    ["a rate of 0", '{"1":0}'],
    ["a negative rate", '{"1":-1}'],
    ["a rate as text", '{"1":"5"}'],
    ["an absurd rate", '{"1":1e9}'],
    ["an endless rate", '{"1":1e999}'],
    ["another key", '{"__proto__x":1}'],
  ] as const) {
    test(`fee estimates: ${what}`, async () => lied((await start(always(body))).feeEstimates(), /fee-estimates/));
  }
  test("a first block that is no hash", async () =>
    lied((await start((_, response) => void response.end("<html>"))).tip(), /first block/));
  test("a tip that is no hash", async () => lied((await start(always("zz"))).tip(), /tip hash/));
  test("outspend: neither spent nor unspent", async () => {
    await lied((await start(always("{}"))).outspend({ txid: TXID, vout: 0 }), /outspend\.spent/);
  });
  test("broadcast: another txid in answer", async () => {
    const chain = await openRegtest({ premine: 101 });
    const txid = chain.faucet("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 1_000);
    const raw = Buffer.from(chain.rawTransaction(txid)!, "hex");
    await lied((await start(always(TXID))).broadcast(raw), /answered with another txid/);
  });
});

describe("answers that contradict a hash", async () => {
  const chain = await openRegtest({ premine: 110 });
  const address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
  const first = chain.faucet(address, 1_000);
  const second = chain.faucet(address, 2_000);
  const raw = (txid: string): string => chain.rawTransaction(txid)!;
  const { hash, height, block, entries } = chain.chain.tip;
  const headerHex = Buffer.from(block.toBuffer(true)).toString("hex");

  test("another transaction's bytes", async () => {
    const esplora = await start(paths({ [`/tx/${first}/hex`]: raw(second) }));
    await lied(esplora.rawTransaction(first), new RegExp(`it hashes to ${second}`));
  });
  for (const [what, text] of [
    ["cut", raw(first).slice(0, -2)],
    ["longer", `${raw(first)}00`],
    ["no hex", "hello"],
  ] as const) {
    test(`bytes that are ${what}`, async () => {
      const esplora = await start(paths({ [`/tx/${first}/hex`]: text }));
      await lied(esplora.rawTransaction(first), /^raw transaction/);
    });
  }
  test("another block's header", async () => {
    const other = Buffer.from(chain.chain.at(3)!.block.toBuffer(true)).toString("hex");
    await lied((await start(paths({ [`/block/${hash}/header`]: other }))).header(hash), /its header hashes to/);
  });
  test("a header of 79 bytes", async () => {
    const esplora = await start(paths({ [`/block/${hash}/header`]: headerHex.slice(2) }));
    await lied(esplora.header(hash), /a header of 79 bytes/);
  });
  test("a header that names an impossible target", async () => {
    const easy = Buffer.from(headerHex, "hex");
    easy.writeUInt32LE(0x1d00ffff, 72);
    const forged = printHash(hash256(easy));
    const esplora = await start(paths({ [`/block/${forged}/header`]: easy.toString("hex") }));
    await lied(esplora.header(forged), /lacks the proof of work it names/);
  });
  test("a proof with a wrong position, sibling, length or block", async () => {
    const txid = entries[1]!.txid;
    const sibling = entries[0]!.txid;
    const answer = (proof: object): RequestListener =>
      paths({
        [`/tx/${txid}/merkle-proof`]: JSON.stringify({ block_height: height, merkle: [sibling], pos: 1, ...proof }),
        [`/block-height/${height}`]: hash,
        [`/block/${hash}/header`]: headerHex,
      });
    assert.equal((await (await start(answer({}))).merkleProof(txid))!.header.hash, hash);
    for (const [proof, reason] of [
      [{ pos: 0 }, /does not lead to block/],
      [{ merkle: [TXID] }, /does not lead to block/],
      [{ merkle: [] }, /position 1 does not fit a branch of 0/],
      [{ merkle: [sibling, sibling] }, /does not lead to block/],
      [{ merkle: Array.from({ length: 21 }, () => TXID) }, /does not fit a branch of 21/],
      [{ merkle: Array.from({ length: 33 }, () => TXID) }, /proof\.merkle: expected a list of at most 32/],
      [{ block_height: height + 1 }, /there is no block/],
    ] as const) {
      server!.closeAllConnections();
      server!.close();
      await lied((await start(answer(proof))).merkleProof(txid), reason);
    }
  });
  test("an output of another script", async () => {
    const utxo = { txid: first, vout: 0, value: 1_000, status: { confirmed: false } };
    const esplora = await start(({ url }, response) => {
      if (url === "/api/block-height/0") return void response.end(GENESIS_HASH);
      response.end(url!.endsWith("/hex") ? raw(first) : JSON.stringify([utxo]));
    });
    await lied(esplora.utxos(SCRIPT), /belongs to another script/);
  });
  test("another transaction than the one asked for, true in itself", async () => {
    const server = await chain.listen();
    const other = await (await fetch(`${server.url}/tx/${second}`)).text();
    await server.close();
    await lied((await start(paths({ [`/tx/${first}`]: other }))).transaction(first), new RegExp(`asked for ${first}`));
  });
  test("another block than the tip asked for, true in itself", async () => {
    const server = await chain.listen();
    const other = await (await fetch(`${server.url}/block/${chain.chain.at(3)!.hash}`)).text();
    await server.close();
    const answers = { "/blocks/tip/hash": hash, [`/block/${hash}`]: other };
    await lied((await start(paths(answers))).tip(), new RegExp(`asked for block ${hash}`));
  });
  test("a spender that does not spend", async () => {
    const answers = {
      [`/tx/${first}/outspend/0`]: JSON.stringify({ spent: true, txid: second, vin: 0, status: { confirmed: false } }),
      [`/tx/${second}/hex`]: raw(second),
    };
    await lied((await start(paths(answers))).outspend({ txid: first, vout: 0 }), /does not spend it/);
  });
});

describe("rest after repeated failures", () => {
  test("no question leaves while resting, then one tries, and success ends it", async () => {
    let asked = 0;
    let healthy = true;
    const esplora = await start((request, response) => {
      if (request.url === "/api/block-height/0") return void response.end(GENESIS_HASH);
      asked += 1;
      response.writeHead(healthy ? 200 : 500).end("{}");
    });
    await esplora.feeEstimates();
    healthy = false;
    for (let i = 0; i < FAILURES_TO_REST; i++) await assert.rejects(esplora.feeEstimates(), ChainUnreachable);
    assert.equal(asked, 1 + FAILURES_TO_REST);
    assert.equal(esplora.health().state, "resting");
    clock.advance(REST_MS - 1_000);
    await assert.rejects(esplora.feeEstimates(), /does not answer; data is 29 s old, next try in 1 s/);
    assert.equal(asked, 1 + FAILURES_TO_REST, "nothing was asked");
    clock.advance(1_000);
    const both = await Promise.allSettled([esplora.feeEstimates(), esplora.feeEstimates()]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    assert.equal(asked, 2 + FAILURES_TO_REST, "one question tried");
    healthy = true;
    clock.advance(REST_MS);
    await esplora.feeEstimates();
    assert.equal(esplora.health().state, "ok");
    assert.equal(esplora.health().message, "data is 0 s old");
  });
});

describe("addresses of servers (A11)", () => {
  const open = (baseUrl: string, allowPrivateHosts = false): BitcoinChain =>
    openEsplora({ baseUrl, genesisHash: GENESIS_HASH, allowPrivateHosts });
  for (const baseUrl of [
    "file:///etc/passwd",
    "gopher://127.0.0.1",
    "mempool.space/api",
    "https://user:pass@example.com",
    "https://example.com/api?x=1",
    "",
  ]) {
    test(`${JSON.stringify(baseUrl)} is refused at once`, () => assert.throws(() => open(baseUrl), EndpointInvalid));
  }
  for (const host of [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "2130706433",
    "0x7f.1",
    "10.1.2.3",
    "192.168.1.1",
    "[fd00::1]",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
  ]) {
    test(`${host} needs permission`, async () => {
      await assert.rejects(open(`http://${host}:1`).verifyNetwork(), /is the private address/);
    });
  }
  for (const host of ["169.254.169.254", "[fe80::1]", "2852039166"]) {
    test(`${host} is refused with permission, too`, async () => {
      await assert.rejects(open(`http://${host}`, true).verifyNetwork(), /is the link-local address/);
    });
  }
});
