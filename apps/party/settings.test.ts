import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, test } from "node:test";
import { EXIT as WALLET_EXIT } from "@conclave/cli";
import { CommandError, EXIT } from "./exit.ts";
import { parsePath } from "./paths.ts";
import { parseScheme } from "./scheme-names.ts";
import { readSettings, requireParty, type Environment, type Flags } from "./settings.ts";

const refused = (words: RegExp) => (error: unknown) =>
  error instanceof CommandError && error.exitCode === EXIT.usage && words.test(error.message);

describe("settings", () => {
  test("have document 002's defaults", () => {
    assert.deepEqual(readSettings({}, {}), {
      party: null,
      data: "./data",
      relays: null,
      logLevel: "info",
      threads: availableParallelism(),
      passwordFile: null,
      relayMode: "websocket",
      json: false,
    });
  });

  test("come from the environment, under document 002's names as well, and an empty variable is none", () => {
    const env = {
      PARTY_ID: "3",
      DEST: "/tmp/three",
      RELAY_URL: "http://one:8080, https://two.example.org/relay",
      RUST_LOG: "WARN",
      WORKER_THREADS: "",
      RAYON_NUM_THREADS: "7",
      TOKIO_WORKER_THREADS: "8",
      CONCLAVE_PASSWORD_FILE: "/tmp/password",
    };
    const { party, data, relays, logLevel, threads, passwordFile } = readSettings({}, env);
    assert.deepEqual([party, data, logLevel, threads, passwordFile], [3, "/tmp/three", "warn", 7, "/tmp/password"]);
    assert.deepEqual(relays, ["http://one:8080", "https://two.example.org/relay"]);
    assert.equal(readSettings({}, { RUST_LOG: "warn", LOG_LEVEL: "debug" }).logLevel, "debug");
    assert.equal(readSettings({}, { TOKIO_WORKER_THREADS: "8" }).threads, 8);
    assert.equal(readSettings({}, { ...env, WORKER_THREADS: "2" }).threads, 2);
  });

  test("are beaten by flags", () => {
    const env = { PARTY_ID: "3", DEST: "a", RELAY_URL: "http://a", LOG_LEVEL: "error", WORKER_THREADS: "1" };
    const flags = {
      party: "4",
      data: "b",
      relay: "http://b",
      logLevel: "debug",
      threads: "2",
      http: true,
      json: true,
    } as const;
    const settings = readSettings({ ...flags, passwordFile: "c" }, { ...env, CONCLAVE_PASSWORD_FILE: "d" });
    assert.deepEqual(settings, {
      party: 4,
      data: "b",
      relays: ["http://b"],
      logLevel: "debug",
      threads: 2,
      passwordFile: "c",
      relayMode: "http",
      json: true,
    });
  });

  const WRONG: readonly (readonly [flags: Flags, env: Environment, words: RegExp])[] = [
    [{}, { PARTY_ID: "0" }, /PARTY_ID is "0": ids are counted from 1 here: the party 0 of document 002 is party 1/],
    [{}, { PARTY_ID: "17" }, /write this party's number in its group, 1 to 16/],
    [{ party: "one" }, {}, /--party is "one"/],
    [{ party: "-1" }, {}, /--party is "-1"/],
    [{ party: "" }, {}, /--party is empty/],
    [{ data: "" }, {}, /--data is empty/],
    [{}, { RELAY_URL: "ftp://relay" }, /RELAY_URL holds "ftp:\/\/relay": write addresses such as http:/],
    [{}, { RELAY_URL: "http://a,,http://b" }, /RELAY_URL holds ""/],
    [{}, { RELAY_URL: "http://user:pw@a" }, /RELAY_URL holds/],
    [{}, { RELAY_URL: "http://a:99999" }, /RELAY_URL holds/],
    [{ relay: "http://a,http://a" }, {}, /--relay names a relay twice/],
    [{ relay: Array.from({ length: 9 }, (_, i) => `http://r${i}`).join() }, {}, /names 9 relays: 8 are allowed/],
    [{ logLevel: "loud" }, {}, /--log-level is "loud": write one of error, warn, info, debug/],
    [{}, { RUST_LOG: "dkls=debug" }, /RUST_LOG is "dkls=debug": write one of/],
    [{}, { WORKER_THREADS: "0" }, /WORKER_THREADS is "0": write a number of threads from 1 to 1024/],
    [{}, { RAYON_NUM_THREADS: "many" }, /RAYON_NUM_THREADS is "many"/],
    [{}, { TOKIO_WORKER_THREADS: "1.5" }, /TOKIO_WORKER_THREADS is "1.5"/],
    [{ threads: "9999" }, {}, /--threads is "9999"/],
  ];
  for (const [flags, env, words] of WRONG) {
    test(`refuse ${JSON.stringify({ ...flags, ...env })}`, () => {
      assert.throws(() => readSettings(flags, env), refused(words));
    });
  }

  test("without a party's number say how to give one", () => {
    assert.throws(() => requireParty(readSettings({}, {})), refused(/PARTY_ID is not set.*PARTY_ID=1 or --party 1/));
  });
});

test("paths and schemes are read as typed, or refused with what to type", () => {
  assert.deepEqual(parsePath("m"), []);
  assert.deepEqual(parsePath("m/0/2147483647"), [0, 2_147_483_647]);
  assert.deepEqual(parsePath("m/44'/0h"), [0x8000_002c, 0x8000_0000]);
  for (const wrong of ["", "0/1", "m/", "m/x", "m/-1", "m/2147483648", "m//1", `m${"/1".repeat(17)}`])
    assert.throws(() => parsePath(wrong), refused(/is no path: write m, then up to 16 numbers/), wrong);
  assert.equal(parseScheme("dkls23"), "dkls23-secp256k1");
  assert.equal(parseScheme("frost-secp256k1-taproot"), "frost-secp256k1-taproot");
  for (const wrong of ["rsa", "toString", ""])
    assert.throws(() => parseScheme(wrong), refused(/there are dkls23, frost-taproot, frost-secp256k1, frost-ed25519/));
});

test("exit codes are the wallet command's", () => {
  const { interrupted, ...shared } = EXIT;
  assert.deepEqual(shared, WALLET_EXIT);
  assert.equal(interrupted, 130);
});
