/** What a running network answers over HTTP: every wrong request with its reason, the same request twice, and the wallet command. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type {
  Balance,
  ClusterStatus,
  NodePage,
  Problem,
  Transaction,
  TransactionPage,
  WalletAddress,
} from "@conclave/api";
import { networks, printAddress } from "@conclave/bitcoin";
import { DEMO_RECIPIENT } from "./recipient.ts";
import type { Answer } from "./testing/api.ts";
import { openCluster, type Cluster } from "./testing/cluster.ts";
import { run } from "./testing/command.ts";
import { until } from "./testing/waiting.ts";

let cluster: Cluster;
let stopMining = (): void => {};

before(async () => {
  cluster = await openCluster();
  cluster.fund(50_000_000n, 50_000_000n);
  stopMining = cluster.startMining();
});
after(async () => {
  stopMining();
  await cluster.stop();
});

const PAYMENT = { recipient: DEMO_RECIPIENT, amount_sats: 25_000 };
const program = (name: "mainnet" | "testnet" | "regtest", version: number, length: number): string =>
  printAddress(
    Uint8Array.of(version === 0 ? 0 : 0x50 + version, length, ...new Uint8Array(length).fill(7)),
    networks[name],
  ) ?? "";

/** Body, status, problem, and what a person has to be able to read in the detail. */
type Case = readonly [what: string, body: unknown, status: number, problem: string, detail: RegExp];

const RECIPIENTS: readonly Case[] = [
  [
    "of mainnet",
    { ...PAYMENT, recipient: program("mainnet", 0, 20) },
    422,
    "recipient-invalid",
    /mainnet|another network|regtest/i,
  ],
  [
    "of testnet",
    { ...PAYMENT, recipient: program("testnet", 0, 20) },
    422,
    "recipient-invalid",
    /testnet|another network|regtest/i,
  ],
  [
    "of mainnet's old kind",
    { ...PAYMENT, recipient: "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2" },
    422,
    "recipient-invalid",
    /mainnet|another network|regtest/i,
  ],
  ["with a wrong letter", { ...PAYMENT, recipient: DEMO_RECIPIENT.replace("q", "p") }, 422, "recipient-invalid", /./],
  ["in mixed case", { ...PAYMENT, recipient: DEMO_RECIPIENT.replace("b", "B") }, 422, "recipient-invalid", /case/],
  ["that is none", { ...PAYMENT, recipient: "to whom it may concern" }, 422, "request-invalid", /address/],
  [
    "of a witness version that nobody can spend yet",
    { ...PAYMENT, recipient: "bcrt1zw508d6qejxtdg4y5r3zarvaryvxt8j5s" },
    422,
    "recipient-invalid",
    /./,
  ],
  ["left out", { amount_sats: 25_000 }, 422, "request-invalid", /recipient/],
];

const AMOUNTS: readonly Case[] = [
  ["0", { ...PAYMENT, amount_sats: 0 }, 422, "request-invalid", /at least 1/],
  ["negative", { ...PAYMENT, amount_sats: -5 }, 422, "request-invalid", /at least 1/],
  ["fractional", { ...PAYMENT, amount_sats: 0.5 }, 422, "request-invalid", /whole satoshis/],
  ["not exact", { ...PAYMENT, amount_sats: 0.1 + 0.2 }, 422, "request-invalid", /whole satoshis/],
  ["as text", { ...PAYMENT, amount_sats: "25000" }, 422, "request-invalid", /without quotes/],
  ["below dust", { ...PAYMENT, amount_sats: 293 }, 422, "amount-below-dust", /294/],
  ["above the balance", { ...PAYMENT, amount_sats: 200_000_000 }, 422, "insufficient-funds", /200000/],
  [
    "of 21 million BTC and one satoshi",
    { ...PAYMENT, amount_sats: 2_100_000_000_000_001 },
    422,
    "request-invalid",
    /more will never exist/,
  ],
  ["of 1e30", { ...PAYMENT, amount_sats: 1e30 }, 422, "request-invalid", /amount_sats/],
];

const FEES: readonly Case[] = [
  ["of 0", { ...PAYMENT, fee_rate: 0 }, 422, "request-invalid", /above 0/],
  ["negative", { ...PAYMENT, fee_rate: -1 }, 422, "request-invalid", /fee_rate/],
  ["of 10,000 sat/vB", { ...PAYMENT, fee_rate: 10_000 }, 422, "fee-too-high", /10000|cap|most/],
  ["in BTC/kvB", { ...PAYMENT, fee_rate: 0.00001 }, 422, "request-invalid", /fee_rate/],
  ["that the network does not relay", { ...PAYMENT, fee_rate: 0.01 }, 422, "fee-too-low", /./],
  ["as text", { ...PAYMENT, fee_rate: "2" }, 422, "request-invalid", /fee_rate/],
];

const REST: readonly Case[] = [
  ["metadata of 81 bytes", { ...PAYMENT, metadata: "é".repeat(40) + "x" }, 422, "request-invalid", /80 bytes/],
  ["metadata of half a letter", { ...PAYMENT, metadata: "\ud800" }, 422, "request-invalid", /UTF-8/],
  ["an unknown field", { ...PAYMENT, amount: 1 }, 422, "request-invalid", /did you mean "amount_sats"/],
  ["a list instead of an object", [PAYMENT], 422, "request-invalid", /object/],
  ["half a body", '{"recipient":', 400, "body-not-json", /not JSON/],
];

describe("a wrong request is refused with its reason, and nothing is stored", () => {
  const refused = async (answer: Promise<Answer<Problem>>, status: number, problem: string, detail: RegExp) => {
    const { status: given, body } = await answer;
    assert.deepEqual([given, body.type], [status, `urn:conclave:problem:${problem}`], JSON.stringify(body));
    assert.match(body.detail, detail);
  };
  const nothingStored = async (): Promise<void> => {
    for (const node of [0, 1]) assert.deepEqual(await cluster.api(node).payments(), []);
    assert.equal((await cluster.api(0).balance()).locked_sats, 0);
  };
  for (const [group, cases] of Object.entries({
    "a recipient": RECIPIENTS,
    "an amount": AMOUNTS,
    "a fee rate": FEES,
    "": REST,
  })) {
    for (const [what, body, status, problem, detail] of cases) {
      test(`${group} ${what}`.trim(), async () => {
        await refused(cluster.api(0).pay(body, "wrong"), status, problem, detail);
        await nothingStored();
      });
    }
  }

  const HEADERS = [
    ["no token", { authorization: "" }, 401, "unauthorized", /API token/],
    ["another token", { authorization: `Bearer ${"x".repeat(43)}` }, 401, "unauthorized", /API token/],
    [
      "a form's content type",
      { "content-type": "application/x-www-form-urlencoded" },
      415,
      "media-type-unsupported",
      /JSON/,
    ],
    ["plain text", { "content-type": "text/plain" }, 415, "media-type-unsupported", /JSON/],
    ["an idempotency key of 65 letters", { "idempotency-key": "k".repeat(65) }, 400, "parameters-invalid", /1 to 64/],
  ] as const;
  for (const [what, headers, status, problem, detail] of HEADERS) {
    test(what, async () => {
      await refused(cluster.api(1).pay(PAYMENT, "wrong", headers), status, problem, detail);
      await nothingStored();
    });
  }
});

describe("an idempotency key", () => {
  test("sent twice names the same payment, also while and after it is carried out", async () => {
    const first = await cluster.api(2).pay(PAYMENT, "twice");
    const second = await cluster.api(2).pay(PAYMENT, "twice");
    assert.deepEqual([first.status, second.status], [201, 201]);
    assert.equal(second.body.txid, first.body.txid);
    await cluster.agreed(first.body.txid, ["confirmed"], 15_000);
    const third = await cluster.api(2).pay(PAYMENT, "twice");
    assert.deepEqual([third.status, third.body.txid, third.body.state], [201, first.body.txid, "confirmed"]);
  });

  test("in 50 requests at once is one payment", async () => {
    const known = (await cluster.api(3).payments()).length;
    const answers = await Promise.all(Array.from({ length: 50 }, () => cluster.api(3).pay(PAYMENT, "fifty")));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    const txids = new Set(answers.map(({ body }) => body.txid));
    assert.equal(txids.size, 1);
    await cluster.agreed([...txids][0]!, ["confirmed"], 15_000);
    assert.equal((await cluster.api(3).payments()).length, known + 1);
  });

  for (const [what, other] of [
    ["amount", { ...PAYMENT, amount_sats: 25_001 }],
    ["note", { ...PAYMENT, metadata: "for the roof" }],
    ["recipient", { ...PAYMENT, recipient: program("regtest", 1, 32) }],
  ] as const) {
    test(`with another ${what} is refused`, async () => {
      await cluster.api(4).pay(PAYMENT, "reused");
      const { status, body } = await cluster.api(4).pay(other, "reused");
      assert.deepEqual([status, body.type], [422, "urn:conclave:problem:idempotency-key-reused"]);
      assert.match(body.detail, /used for another payment: use a new one/);
    });
  }
});

describe("the wallet command against the running network", () => {
  const conclave = (...args: readonly string[]) =>
    run([...args, "--api-endpoint", cluster.running.apiUrl(0), "--data", cluster.folder.root]);
  /** What the command prints as a table, and as JSON. */
  const both = async (...args: readonly string[]): Promise<{ readonly table: string; readonly json: unknown }> => {
    const table = await conclave(...args);
    assert.equal(table.code, 0, table.stderr);
    const json = await conclave(...args, "--json");
    assert.equal(json.code, 0, json.stderr);
    return { table: table.stdout, json: JSON.parse(json.stdout) as unknown };
  };

  test("wallet balance", async () => {
    await until("no payment under way", 15_000, async () =>
      (await cluster.api(0).payments()).every(({ state }) => state === "confirmed") ? true : undefined,
    );
    const { table, json: answer } = await both("wallet", "balance");
    const json = answer as Balance;
    assert.equal(json.network, "regtest");
    assert(json.spendable_sats > 90_000_000);
    assert.match(table, /Spendable/);
  });

  test("wallet address", async () => {
    const { table, json: answer } = await both("wallet", "address");
    const json = answer as WalletAddress;
    assert.match(json.address, /^bcrt1p/);
    assert(table.includes(json.address));
  });

  test("send --wait, then tx status and tx list show the payment", async () => {
    const sent = await conclave(
      "send",
      "--to",
      DEMO_RECIPIENT,
      "--amount",
      "0.0002btc",
      "--wait",
      "confirmed",
      "--json",
    );
    assert.equal(sent.code, 0, sent.stderr);
    const { txid, state } = JSON.parse(sent.stdout) as Transaction;
    assert(["broadcasting", "confirmed"].includes(state), state);
    await cluster.agreed(txid, ["confirmed"], 10_000);
    const { table, json: answer } = await both("tx", "status", txid);
    const json = answer as Transaction;
    assert.deepEqual([json.amount_sats, json.state, json.signers.length], [20_000, "confirmed", 4]);
    assert.match(table, /confirmed/);
    const list = await both("tx", "list");
    assert((list.json as TransactionPage).items.some((item) => item.txid === txid));
    assert(list.table.includes(txid));
  });

  test("send that cannot be paid says why and ends with an error", async () => {
    const { code, stderr } = await conclave("send", "--to", DEMO_RECIPIENT, "--amount", "5btc");
    assert.notEqual(code, 0);
    assert.match(stderr, /balance does not suffice/);
  });

  test("cluster status, and its exit code when the cluster is halted", async () => {
    const { table, json: answer } = await both("cluster", "status");
    const json = answer as ClusterStatus;
    assert.deepEqual([json.status, json.online, json.t, json.q], ["ok", 5, 4, 4]);
    assert.match(table, /5 of 5 online/);
    await cluster.running.stopNode(4);
    await cluster.running.stopNode(3);
    const halted = await conclave("cluster", "status");
    assert.equal(halted.code, 6);
    assert.match(halted.stdout, /3 of 5 nodes can vote and sign, 4 are needed/);
    await cluster.running.startNode(3);
    await cluster.running.startNode(4);
  });

  test("cluster nodes", async () => {
    const { table, json: answer } = await both("cluster", "nodes");
    const json = answer as NodePage;
    assert.deepEqual(
      json.items.map(({ name, status }) => `${name} ${status}`),
      cluster.network.names.map((name) => `${name} online`),
    );
    for (const name of cluster.network.names) assert(table.includes(name));
  });
});
