import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CommanderError } from "commander";
import { WrongUsage } from "./index.ts";
import { listenAddress, readSettings } from "./settings.ts";

describe("settings", () => {
  test("are document 002's unless somebody says otherwise", () => {
    const { options, logLevel } = readSettings([], {});
    assert.equal(logLevel, "info");
    assert.deepEqual(options, {
      listen: [{ host: "127.0.0.1", port: 8080 }],
      peers: [],
      limits: {
        bytes: 268_435_456,
        messages: 65_536,
        senderBytes: 16_777_216,
        senderMessages: 4_096,
        ttlSeconds: 653_050,
      },
      service: { connections: 1_024, connectionsPerAddress: 256 },
      peer: { queueSize: 256, reconnectDelayMs: 3_000, pingIntervalMs: 5_000 },
    });
  });

  test("come from the environment, and flags go before it", () => {
    const environment = {
      LISTEN: "0.0.0.0:9000, [::1]:9001",
      PEER: "http://a.example:8080,wss://b.example",
      PEER_QUEUE_SIZE: "16",
      PEER_RECONNECT_DELAY_SECS: "7",
      PEER_PING_INTERVAL_SECS: "9",
      LOG_LEVEL: "WARN",
      RUST_LOG: "debug",
    };
    const { options, logLevel } = readSettings([], environment);
    assert.deepEqual(options.listen, [
      { host: "0.0.0.0", port: 9000 },
      { host: "::1", port: 9001 },
    ]);
    assert.deepEqual(options.peers, ["http://a.example:8080", "wss://b.example"]);
    assert.deepEqual(options.peer, { queueSize: 16, reconnectDelayMs: 7_000, pingIntervalMs: 9_000 });
    assert.equal(logLevel, "warn");
    const flags = ["--listen", "h:1", "--listen", "h:2", "--peer", "ws://c", "--log-level", "trace", "--persist", "f"];
    const both = readSettings(
      [...flags, "--max-bytes", "2G", "--max-sender-bytes", "64K", "--max-ttl", "60"],
      environment,
    );
    assert.deepEqual(
      both.options.listen?.map(({ port }) => port),
      [1, 2],
    );
    assert.deepEqual([both.options.peers, both.options.persist, both.logLevel], [["ws://c"], "f", "trace"]);
    const { bytes, senderBytes, ttlSeconds } = both.options.limits!;
    assert.deepEqual([bytes, senderBytes, ttlSeconds], [2 ** 31, 65_536, 60]);
  });

  test("take a level out of what RUST_LOG says to others", () => {
    const levels = { debug: "debug", "hyper=trace": "info", "hyper=trace, warn": "warn", off: "silent", "": "info" };
    for (const [text, level] of Object.entries(levels))
      assert.equal(readSettings([], { RUST_LOG: text }).logLevel, level, text);
  });

  test("that are not understood are refused with what would do", (t) => {
    const said = t.mock.method(process.stderr, "write", () => true);
    const flags = {
      "--listen 8080": /must be host:port/,
      "--listen host:99999": /must be host:port/,
      "--listen ::1:80": /must be host:port/,
      "--peer relay.example": /must be like http/,
      "--max-bytes 12T": /must be bytes, at most 64G/,
      "--max-bytes 0": /must be bytes, at most 64G/,
      "--max-bytes 65G": /must be bytes, at most 64G/,
      "--max-messages 0": /must be a whole number from 1/,
      "--max-ttl 700000": /must be a whole number from 1 to 653050/,
      "--max-connections -1": /must be a whole number from 1 to 65535/,
      "--max-connections-per-address x": /must be a whole number/,
      "--log-level loud": /must be one of fatal, error/,
      "--color": /unknown option '--color'/,
      extra: /too many arguments/,
    };
    for (const [line, sentence] of Object.entries(flags)) {
      assert.throws(() => readSettings(line.split(" "), {}), CommanderError, line);
      assert.match(String(said.mock.calls.at(-1)?.arguments[0]), sentence, line);
    }
    const environments = {
      LISTEN: "nowhere",
      PEER: "ftp://x",
      PEER_QUEUE_SIZE: "0",
      PEER_RECONNECT_DELAY_SECS: "soon",
      PEER_PING_INTERVAL_SECS: "90000",
      LOG_LEVEL: "loud",
    };
    for (const [name, value] of Object.entries(environments)) {
      assert.throws(
        () => readSettings([], { [name]: value }),
        (error) => {
          assert.ok(error instanceof WrongUsage);
          return error.message.startsWith(`the environment's ${name} is "${value}": it must`);
        },
      );
    }
  });

  test("name addresses with brackets where they need them", () => {
    assert.deepEqual(listenAddress("[::]:1"), { host: "::", port: 1 });
  });
});
