/** What may stand in a log, and what never does, whoever writes it there. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { createIdentity } from "@conclave/custody";
import { memoryVault } from "@conclave/custody/testing";
import { presignatureCodec, type Presignature } from "@conclave/dkls23";
import { dealEdges, dealKey, testGroup } from "@conclave/dkls23/testing";
import { commit } from "@conclave/frost";
import { SUITES } from "@conclave/frost/testing";
import { dealShares, testSecp256k1 } from "@conclave/keys/testing";
import { parties } from "@conclave/protocol/testing";
import { certsCa } from "@conclave/transport-quic";
import { createNetworkKeys } from "../cluster/network-keys.ts";
import { engine } from "../engine.ts";
import { openLog, type LogFormat, type NodeLog } from "./log.ts";
import { NoticeLines } from "./notice-lines.ts";
import { aborted, ID, nameOf, NODES, voted } from "./testing/notices.ts";

const folder = mkdtempSync(join(tmpdir(), "conclave-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const rng = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

function open(format: LogFormat = "json", level = "trace"): { readonly log: NodeLog; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: openLog({ node: "alpha", level, format, write: (line) => void lines.push(line) }), lines };
}

const TOKEN = toHex(rng(32));
const PASSWORD = "correct horse battery staple";

async function secrets(): Promise<Readonly<Record<string, unknown>>> {
  const [one, two, three] = parties(1, 2, 3);
  const { shares, edges } = dealKey({ n: 3, t: 2, rng });
  const scalar = (): Uint8Array => testGroup.encodeScalar(testGroup.decodeScalar(Uint8Array.from([0, ...rng(31)])));
  const presignature = {
    suite: "dkls23-secp256k1",
    secrets: { s0: scalar(), s1: scalar(), phi: scalar() },
  } as unknown as Presignature;
  const disk = memoryVault();
  const identity = createIdentity(engine, disk, rng);
  const own = mkdtempSync(join(folder, "keys-"));
  await certsCa({ folder: own, name: "test", nowMs: Date.now() });
  return {
    "a share of FROST": dealShares(testSecp256k1, { n: 3, t: 2, rng })[0],
    "a share of DKLS23": shares.get(one!),
    edges: [...dealEdges([one!, two!, three!], { rng }).get(one!)!.values()],
    "an edge": edges.get(two!)?.get(one!),
    nonces: commit(SUITES[0]!, {
      share: 5n,
      session: { session: rng(32) },
      rng,
    }),
    "a presignature": presignature,
    "its codec's name": presignatureCodec(testGroup),
    "an identity": identity,
    "what its vault holds": disk.get("identity"),
    "network keys": createNetworkKeys(join(own, "network-keys")),
    "an authority's key": readFileSync(join(own, "ca.key"), "utf8"),
    "a polynomial's coefficients": [1, 2, 3].map(() => BigInt(`0x${toHex(rng(32))}`)),
    "bytes as numbers": [...rng(32)],
    "bytes as hexadecimal of a share": toHex(rng(48)),
    "bytes as base64 of a share": Buffer.from(rng(64)).toString("base64"),
    "a wallet's private key": "L1aW4aubDFB7yfras2S1mN3bqg9nwySY8nkoLmJebSLD5BWv3ENZ",
    "bytes in a buffer": Buffer.from(rng(40)),
    "an API token": TOKEN,
    "a header": { authorization: `Bearer ${TOKEN}` },
    "a vault's password": PASSWORD,
  };
}

/** Every form in which the secret bytes and numbers of a value could be read in a text. */
function formsOf(value: unknown, seen = new Set<unknown>()): readonly string[] {
  // Of texts inside of others only the token is secret; a text by itself is, line by line.
  if (typeof value === "string" && seen.size > 0) return value.includes(TOKEN) ? [TOKEN] : [];
  if (typeof value === "string")
    return value.split("\n").filter((line) => line.length >= 20 && !line.startsWith("-----"));
  if (typeof value === "bigint") return value < 1n << 64n ? [] : [value.toString(), value.toString(16)];
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  if (value instanceof Uint8Array || isBytes(value)) {
    const bytes = Buffer.from(value);
    if (bytes.length < 16) return [];
    // Long ones would be cut: any part of them is too much.
    const part = bytes.subarray(0, 24);
    const decimal = BigInt(`0x${bytes.subarray(0, 32).toString("hex")}`).toString();
    const base64 = part.toString("base64").slice(0, 32);
    return [part.toString("hex"), base64, part.toString("base64url").slice(0, 32), [...part].join(","), decimal];
  }
  // A node is called by its public key.
  const named = Object.entries(value).flatMap(([name, part]) => (name === "publicKey" ? [] : [part as unknown]));
  const inner: readonly unknown[] = value instanceof Map ? [...value.values()] : named;
  return inner.flatMap((part) => formsOf(part, seen));
}

const isBytes = (value: object): value is readonly number[] =>
  Array.isArray(value) && value.length > 8 && value.every((item) => typeof item === "number");

describe("secrets", () => {
  /** Ways in which somebody could write a value by mistake. */
  const WAYS: Readonly<Record<string, (log: NodeLog, value: unknown) => void>> = {
    "as a field": ({ logger }, value) => logger.info({ detail: value }, "said"),
    "as all fields": ({ logger }, value) =>
      logger.info(typeof value === "object" && value !== null ? value : { value }, "said"),
    "among others": ({ logger }, value) => logger.info({ of: { the: [{ kind: value }] } }, "said"),
    "into the text": ({ logger }, value) =>
      logger.info(...(["said %o and %j and %s", value, value, value] as unknown as [string])),
    "in an error": ({ logger }, value) =>
      logger.error({ err: Object.assign(new Error("went wrong"), { detail: value, cause: value }) }, "said"),
    "as the cause of an error": ({ logger }, value) => logger.error(new Error("went wrong", { cause: { value } })),
    "in a part's log": (log, value) => log.component("network").warn({ kind: value }, "said"),
  };

  for (const format of ["json", "pretty"] as const)
    test(`stand in no line of the ${format} log, however they come there`, async () => {
      let written = 0;
      let looked = 0;
      for (const [what, value] of Object.entries(await secrets())) {
        // A number that is short, such as the zeros of a punctured leaf, stands everywhere.
        const forms = formsOf(value).filter((form) => form.length >= 20);
        for (const [way, write] of Object.entries(WAYS)) {
          const { log, lines } = open(format);
          log.conceal(TOKEN);
          log.conceal(PASSWORD);
          write(log, value);
          assert.equal(lines.length, 1, `${what} ${way}: one line`);
          written += 1;
          for (const form of forms) {
            assert(!lines[0]!.toLowerCase().includes(form.toLowerCase()), `${what} ${way}: ${lines[0]}`);
            looked += 1;
          }
        }
      }
      assert(looked > 1_000, `${looked} forms were looked for in ${written} lines`);
    });

  test("what is called like one is not printed, what is said of one is", () => {
    const { log, lines } = open();
    log.logger.info({ apiToken: "abc", password: "x", share: 5, isSecret: true, nonce: "q", secret: null }, "said");
    const said = JSON.parse(lines[0]!) as Record<string, unknown>;
    for (const name of ["apiToken", "password", "share", "nonce"]) assert.equal(said[name], "[redacted]", name);
    assert.deepEqual([said["isSecret"], said["secret"]], [true, null]);
  });

  test("an object that refuses to be printed costs nothing but its own place", () => {
    const { log, lines } = open();
    const unprintable = {
      toJSON() {
        throw new TypeError("it has no printed form");
      },
    };
    log.logger.info({ unprintable, event: "x" }, "said");
    assert.match(lines[0]!, /"unprintable":"\[unprintable\]","event":"x"/);
  });
});

describe("what strangers write", () => {
  const HOSTILE = [
    '\n{"level":"error","msg":"forged"}\n',
    "\r\nforged",
    "\u001b[2J\u001b]0;title\u0007",
    "\u009b31mred",
    "\u2028line\u2029para",
    "\u202egnp.exe",
    "\u0000\u0008\u007f",
    "\ud800 alone",
    "\ufeff\u200b",
  ];

  for (const format of ["json", "pretty"] as const)
    test(`ends no line, moves no cursor and turns no writing (${format})`, () => {
      for (const text of HOSTILE) {
        const { log, lines } = open(format);
        log.logger.warn({ reason: text, [text]: 1, err: new Error(text) }, `refused: ${text}`);
        assert.equal(lines.length, 1);
        const [line] = lines as [string];
        assert(line.endsWith("\n") && line.indexOf("\n") === line.length - 1, JSON.stringify(line));
        assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, JSON.stringify(text));
        assert(line.isWellFormed());
        if (format === "json") assert.equal((JSON.parse(line) as { node: string }).node, "alpha");
      }
    });

  test("is cut where it is long, deep or many", () => {
    const { log, lines } = open();
    let deep: object = {};
    for (let i = 0; i < 50; i++) deep = { deep };
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, i]));
    log.logger.info(
      { long: "x y ".repeat(100_000), deep, many, list: Array.from({ length: 1_000 }, () => "a") },
      "said",
    );
    assert(lines[0]!.length < 6_000, `${lines[0]!.length} characters`);
  });
});

describe("lines", () => {
  test("have time, level, node, part, text and fields, in JSON or for people", () => {
    const { log, lines } = open();
    log.component("network").info({ event: "up", peer: "beta", amount: 5_000_000_000n }, "network: up");
    const { ts, ...rest } = JSON.parse(lines[0]!) as Record<string, unknown>;
    assert.match(String(ts), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const expected = { level: "info", node: "alpha", component: "network", event: "up", peer: "beta" };
    assert.deepEqual(rest, { ...expected, amount: "5000000000", msg: "network: up" });
    const people = open("pretty");
    people.log.component("network").info({ event: "up", reason: "it was dialled" }, "network: up");
    assert.match(people.lines[0]!, /^[\d:.]+ info {3}alpha network network: up event=up reason="it was dialled"\n$/);
  });

  test("below the level are not written", () => {
    const { log, lines } = open("json", "warn");
    log.logger.info("no");
    log.logger.warn("yes");
    assert.equal(lines.length, 1);
    const silent = open("json", "silent");
    silent.log.logger.error("no");
    assert.equal(silent.lines.length, 0);
  });

  test("an error has its type, text, code and causes", () => {
    const { log, lines } = open();
    const cause = Object.assign(new Error("no space left"), { code: "ENOSPC" });
    log.logger.error({ err: new TypeError("it failed", { cause }) }, "said");
    const { err } = JSON.parse(lines[0]!) as { err: Record<string, unknown> & { cause: Record<string, unknown> } };
    assert.deepEqual([err["type"], err["message"]], ["TypeError", "it failed"]);
    assert.deepEqual([err.cause["message"], err.cause["code"]], ["no space left", "ENOSPC"]);
  });
});

describe("notices", () => {
  const lines = new NoticeLines(nameOf);
  const request = toHex(ID);

  test("about a request carry its trace, also where they name only its attempt", () => {
    const { fields } = lines.lineOf(voted(NODES[1], true));
    assert.deepEqual([fields["request"], fields["trace"], fields["peer"]], [request, request.slice(0, 32), "node2"]);
    const attempt = { request: ID, revision: 1, attempt: 2, attemptId: "a", coordinator: NODES[0] };
    lines.lineOf({ kind: "joined", ...attempt });
    const progress = lines.lineOf({ kind: "progress", attemptId: "a", input: 0, round: "commit" });
    assert.deepEqual([progress.fields["trace"], progress.fields["phase"]], [request.slice(0, 32), "commit"]);
    assert.equal(progress.level, "trace");
  });

  test("say loudly what people have to do something about", () => {
    const evidence = new Uint8Array(64);
    const level = (notice: Parameters<NoticeLines["lineOf"]>[0]): string => lines.lineOf(notice).level;
    assert.equal(level({ kind: "violation", node: NODES[1], violation: "DoubleVote", evidence }), "error");
    assert.equal(level({ kind: "sealed", reason: "the journal is behind" }), "error");
    assert.equal(level({ kind: "problem", message: "the disk is full" }), "error");
    assert.equal(level(aborted({ suspects: [NODES[2]] })), "warn");
    assert.deepEqual(lines.lineOf(aborted({ suspects: [NODES[2]] })).fields["suspects"], "node3");
  });

  test("have none of their bytes in a line", () => {
    const { log, lines: written } = open();
    const bytes = rng(64);
    const line = lines.lineOf({ ...voted(NODES[1], true), vote: bytes });
    log.logger.info(line.fields, line.message);
    assert(!written[0]!.includes(toHex(bytes).slice(0, 32)));
  });
});
