/** Settings of a node: where each comes from, and every way in which one can be wrong. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { NO_SPENDING_LIMITS } from "@conclave/bitcoin";
import { ConfigWrong, resolveConfig, variableOf, type NodeConfig } from "./config.ts";
import { spendingOf } from "./policy.ts";

const root = mkdtempSync(join(tmpdir(), "conclave-config-"));
after(() => rmSync(root, { recursive: true, force: true }));
const file = join(root, "config.json");

const LEAST = { name: "alpha", esplora_url: "https://esplora.example.org/api" };

const write = (content: unknown): void =>
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));

type Environment = Readonly<Record<string, string>>;
type Flags = Parameters<typeof resolveConfig>[2];

function resolved(content: object, env: Environment = {}, flags: Flags = {}) {
  write({ ...LEAST, ...content });
  return resolveConfig(file, env, flags);
}

const wrong = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ConfigWrong, String(error));
  assert.match(error.message, words);
  return true;
};

describe("a node's configuration", () => {
  test("needs a name and a chain; the rest has defaults, and starts from the file's own folder", () => {
    const { config, base, sources } = resolved({});
    assert.equal(base, root);
    assert.deepEqual(
      [config.api_host, config.api_port, config.listen_quic, config.log_level, config.data],
      ["127.0.0.1", 8080, "0.0.0.0:9000", "info", "."],
    );
    assert.deepEqual([config.allow_digests, config.presigning, config.password_file], [false, true, undefined]);
    assert.deepEqual([sources.name, sources.api_port], ["file", "default"]);
    for (const key of ["name", "esplora_url"] as const) {
      const { [key]: left, ...others } = LEAST;
      assert.ok(left !== "");
      write(others);
      assert.throws(() => resolveConfig(file, {}), wrong(new RegExp(`"${key}" is missing`)));
    }
  });

  test("a flag goes before the environment, and that before the file", () => {
    const env = { CONCLAVE_API_PORT: "3002", CONCLAVE_LOG_LEVEL: "warn" };
    const { config, sources } = resolved({ api_port: 3001, log_level: "debug", api_host: "::1" }, env, {
      api_port: "3003",
    });
    assert.deepEqual([config.api_port, config.log_level, config.api_host], [3003, "warn", "::1"]);
    assert.deepEqual([sources.api_port, sources.log_level, sources.api_host], ["flag", "environment", "file"]);
    assert.equal(sources.presigning, "default");
    // A flag that was not given says nothing.
    const flags = { api_port: undefined } as unknown as NonNullable<Flags>;
    assert.equal(resolved({ api_port: 3001 }, env, flags).config.api_port, 3002);
  });

  test("LOG_LEVEL is heard where our own variable is silent, and only if it means a level of ours", () => {
    const level = (env: Readonly<Record<string, string>>): string => resolved({}, env).config.log_level;
    assert.equal(level({ LOG_LEVEL: "WARN" }), "warn");
    assert.equal(level({ LOG_LEVEL: "warn", CONCLAVE_LOG_LEVEL: "error" }), "error");
    assert.equal(level({ LOG_LEVEL: "5" }), "info");
  });

  test("text from the environment becomes what the setting is", () => {
    const env = {
      CONCLAVE_RELAYS: "https://a.example.org,ws://b.example.org:9",
      CONCLAVE_PRESIGNING: "0",
      CONCLAVE_ALLOW_DIGESTS: "true",
      CONCLAVE_BURIAL_DEPTH: "12",
      CONCLAVE_PEER_ADDRESSES: "beta=10.0.0.2:9000,gamma=10.0.0.3:9000",
      CONCLAVE_API_ALLOWED_HOSTS: "",
    };
    const { config } = resolved({ api_allowed_hosts: ["x"] }, env);
    assert.deepEqual(config.relays, ["https://a.example.org", "ws://b.example.org:9"]);
    assert.deepEqual([config.presigning, config.allow_digests, config.burial_depth], [false, true, 12]);
    assert.deepEqual(config.peer_addresses, { beta: "10.0.0.2:9000", gamma: "10.0.0.3:9000" });
    assert.deepEqual(config.api_allowed_hosts, []);
  });

  const unknown = [
    ["listen_qiuc", /Unknown setting "listen_qiuc": did you mean "listen_quic"\?/],
    ["apiPort", /did you mean "api_port"\?/],
    ["password", /did you mean "password_file"\?/],
    ["zzz", /Unknown setting "zzz": known are name, data, /],
  ] as const;
  for (const [key, words] of unknown) {
    test(`refuses the unknown setting ${key} with what was probably meant`, () => {
      assert.throws(() => resolved({ [key]: 1 }), wrong(words));
    });
  }

  test("refuses an unknown variable of ours, and leaves others alone", () => {
    assert.throws(
      () => resolved({}, { CONCLAVE_API_PROT: "1" }),
      wrong(/Unknown variable "CONCLAVE_API_PROT": did you mean "CONCLAVE_API_PORT"\?/),
    );
    resolved({}, { CONCLAVE_NO_WASM: "1", CONCLAVE_API_ENDPOINT: "http://x", PATH: "/bin", API_PORT: "x" });
  });

  /** A wrong value as the file and as text would hold it, and what is said of it. */
  const values: readonly (readonly [key: keyof NodeConfig, value: unknown, text: string, words: RegExp])[] = [
    ["api_port", "8080", "eighty", /"api_port"%: must be a port/],
    ["api_port", 0, "0", /"api_port"%: /],
    ["api_port", 65_536, "65536", /"api_port"%: /],
    ["api_port", 80.5, "80.5", /"api_port"%: /],
    ["burial_depth", 0, "0", /"burial_depth"%: /],
    ["required_confirmations", -1, "-1", /"required_confirmations"%: /],
    ["allow_digests", "yes", "yes", /"allow_digests"%: must be true or false/],
    ["presigning", 1, "TRUE", /"presigning"%: must be true or false/],
    ["log_level", "verbose", "verbose", /"log_level"%: /],
    ["log_format", "xml", "xml", /"log_format"%: must be "json" or "pretty"/],
    ["name", "Alpha", "Alpha", /"name"%: must be 1 to 32 of/],
    ["listen_quic", "9000", "9000", /"listen_quic"%: must look like "0.0.0.0:9000"/],
    ["listen_libp2p", ["0.0.0.0:9001"], "0.0.0.0:9001", /"listen_libp2p"%: must look like "\/ip4/],
    ["advertise_quic", ["host"], "host", /"advertise_quic"%: must look like/],
    ["relays", ["ftp://x"], "ftp://x", /"relays"%: must be a URL/],
    ["relays", ["https://user:secret@x"], "https://user:secret@x", /"relays"%: must be a URL/],
    ["relay_mode", "udp", "udp", /"relay_mode"%: must be "websocket" or "http"/],
    ["esplora_url", "esplora", "esplora", /"esplora_url"%: must be a URL/],
    ["data", "", "", /"data"%: must be a path/],
    ["minority_votes", "ban", "ban", /"minority_votes"%: must be "record" or "enforce"/],
    ["policy", "none", "none", /"policy"%: Expected a JSON object/],
    [
      "policy",
      { max_payment_sats: "1" },
      '{"max_payment_sats":"1"}',
      /"policy.max_payment_sats"%: must be whole satoshis/,
    ],
    ["policy", { max_payment_sats: 0 }, '{"max_payment_sats":0}', /"policy.max_payment_sats"%: must be at least 1/],
    ["policy", { max_daily_sats: 0.5 }, '{"max_daily_sats":0.5}', /"policy.max_daily_sats"%: must be whole satoshis/],
    ["policy", { approval: "hand" }, '{"approval":"hand"}', /"policy.approval"%: must be "automatic" or "manual"/],
    [
      "policy",
      { approve_above_sats: "x" },
      '{"approve_above_sats":"x"}',
      /"policy.approve_above_sats"%: must be whole/,
    ],
    ["policy", { recipients: "bc1" }, '{"recipients":"bc1"}', /"policy.recipients"%: must be a list of recipients/],
    ["policy", { recipients: ["bc1"] }, '{"recipients":["bc1"]}', /"policy.recipients"%: must be a Bitcoin address/],
    ["policy", { max_payment: 1 }, '{"max_payment":1}', /"policy"%: Unknown setting .*did you mean "max_payment_sats"/],
  ];
  for (const [key, value, text, words] of values) {
    const said = (source: string): RegExp => new RegExp(words.source.replace("%", source));
    test(`refuses ${key} ${JSON.stringify(value)}, naming where it came from`, () => {
      assert.throws(() => resolved({ [key]: value }), wrong(said("")));
      assert.throws(() => resolved({ [key]: value }), wrong(new RegExp(file)));
      assert.throws(() => resolved({}, { [variableOf(key)]: text }), wrong(said(` \\(from ${variableOf(key)}\\)`)));
      assert.throws(() => resolved({}, {}, { [key]: text }), wrong(said(" \\(from a flag\\)")));
    });
  }

  test("says what the node may approve, in the file or as JSON in the environment", () => {
    const policy = {
      max_payment_sats: 1_000,
      recipients: ["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", { label: "rent", address: "1".repeat(30) }],
      approval: "manual",
      approve_above_sats: 10,
    };
    for (const { config } of [resolved({ policy }), resolved({}, { CONCLAVE_POLICY: JSON.stringify(policy) })]) {
      const { maxPayment, maxDaily, recipients, approval, approveAbove } = spendingOf(config.policy);
      assert.deepEqual([maxPayment, maxDaily, approval, approveAbove], [1_000n, null, "manual", 10n]);
      assert.deepEqual(
        recipients?.map(({ label }) => label),
        [null, "rent"],
      );
    }
    assert.deepEqual(spendingOf(resolved({}).config.policy), NO_SPENDING_LIMITS);
  });

  test("never repeats what may be a secret", () => {
    assert.throws(
      () => resolved({ relays: ["https://user:hunter2@relay"], esplora_url: "https://key:hunter2@x" }),
      (error: Error) => !error.message.includes("hunter2"),
    );
  });

  test("that is no JSON object, or cannot be read, is refused by its path", () => {
    for (const content of ["", "{", "[]", "null", '"x"', "7"]) {
      write(content);
      assert.throws(() => resolveConfig(file, {}), wrong(new RegExp(`${file} is not a JSON object`)), content);
    }
    assert.throws(
      () => resolveConfig(join(root, "none.json"), {}),
      wrong(/none.json is not there: .*conclave init node/),
    );
    mkdirSync(join(root, "folder"), { recursive: true });
    assert.throws(() => resolveConfig(join(root, "folder"), {}), wrong(/cannot be read: EISDIR/));
  });
});
