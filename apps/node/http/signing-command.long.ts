/** `conclave sign`, `keys`, `cluster rekey` and accounts: the real command against the real server, the node's answers chosen. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ServiceError, type KeyPage, type Message } from "@conclave/api";
import { failureIn, resultIn, scene, SEND } from "./testing/command.ts";

const SEGWIT = "5b".repeat(32);

describe("conclave sign", () => {
  test("waits for the signature and prints it with recovery id, public key and signers", async (t) => {
    const { here, node } = await scene(t);
    node.messageLife = ["voting", "signing", "signed"];
    const { code, stdout, stderr } = await here("sign", "--key", SEGWIT, "--message", "hello ü");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Signature +(?:ab){64}\nRecovery id +1\nPublic key +02(?:79){32}\nSigners +1, 2, 3, 4\n/);
    assert.match(stdout, /\nDigest +[0-9a-f]{64}, sha256 of the message\n/);
    const json = await here("sign", "--key", SEGWIT, "--message", "hello ü", "--hash", "keccak256", "--json");
    const message = resultIn(json) as Message;
    assert.deepEqual([message.state, message.hash, message.recovery_id], ["signed", "keccak256", 1]);
    assert.deepEqual(
      node.messages.map(({ body }) => body),
      [
        { key_id: SEGWIT, message_hex: "68656c6c6f20c3bc" },
        { key_id: SEGWIT, message_hex: "68656c6c6f20c3bc", hash: "keccak256" },
      ],
    );
  });

  test("signs a file's bytes as they are, and names a key by its name or the beginning of its id", async (t) => {
    const { here, node, folder } = await scene(t);
    node.messageKeys.push("notary");
    writeFileSync(join(folder, "deed"), Uint8Array.of(0, 0xff, 0x0a));
    for (const key of ["notary", SEGWIT.slice(0, 8)]) {
      const { code, stderr } = await here("sign", "--key", key, "--file", join(folder, "deed"));
      assert.equal(code, 0, stderr);
    }
    assert.deepEqual(
      node.messages.map(({ body }) => [body.key_id.slice(0, 4), body.message_hex]),
      [
        ["cccc", "00ff0a"],
        ["5b5b", "00ff0a"],
      ],
    );
  });

  test("says what is wrong with what was typed, and asks nobody", async (t) => {
    const { here, node, folder } = await scene(t);
    writeFileSync(join(folder, "long"), new Uint8Array(65_537));
    const cases: readonly (readonly [args: readonly string[], detail: RegExp])[] = [
      [[], /exactly one of --message, --file and --digest/],
      [["--message", "a", "--digest", "ab".repeat(32)], /exactly one of/],
      [["--digest", "abc"], /64 hexadecimal digits/],
      [["--digest", "ab".repeat(32), "--hash", "sha256"], /a digest is signed as it is/],
      [["--message", "a", "--hash", "md5"], /Allowed choices are sha256, sha256d, keccak256/],
      [["--file", join(folder, "none")], /cannot be read/],
      [["--file", join(folder, "long")], /65537 bytes where 65536 are allowed/],
    ];
    for (const [args, detail] of cases) {
      const { code, stderr } = await here("sign", "--key", SEGWIT, ...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, detail);
    }
    const unknown = await here("sign", "--key", "nobody", "--message", "a");
    assert.deepEqual([unknown.code, /names no key of this node: "conclave keys"/.test(unknown.stderr)], [2, true]);
    assert.equal(node.calls, 0);
  });

  test("of a digest that is refused explains the switch; code 3", async (t) => {
    const { here, node } = await scene(t);
    node.refusal = new ServiceError("digests-not-allowed", "Start every node with --allow-digests.");
    const refused = await here("sign", "--key", SEGWIT, "--digest", "ab".repeat(32), "--json");
    assert.deepEqual([refused.code, failureIn(refused).problem], [3, "digests-not-allowed"]);
    assert.match(failureIn(refused).detail, /--allow-digests/);
    node.refusal = undefined;
    node.messageLife = ["rejected"];
    node.reason = "this node signs messages that it can read";
    const outvoted = await here("sign", "--key", SEGWIT, "--digest", "ab".repeat(32));
    assert.equal(outvoted.code, 3);
    assert.match(outvoted.stderr, /refused to sign\. this node signs messages.*enough nodes run with --allow-digests/);
  });

  test("that takes too long ends with code 4 and says that it goes on", async (t) => {
    const { here, node } = await scene(t);
    node.messageLife = ["voting"];
    const { code, stderr } = await here("sign", "--key", SEGWIT, "--message", "a", "--wait-timeout", "1");
    assert.equal(code, 4);
    assert.match(stderr, /still voting after 1 s: "conclave cluster status"/);
  });
});

describe("keys, accounts and edges on the command line", () => {
  test("keys lists them, keys create waits for one and tells why there is none", async (t) => {
    const { here, node } = await scene(t);
    const made = await here("keys", "create", "--name", "notary");
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^notary 02(?:79){32}\nKey id c{63}0\n$/);
    const { stdout } = await here("keys");
    assert.match(stdout, /^Name +Purpose +Scheme +Shares +Prepared +Public key +Id\n/);
    assert.match(stdout, /\nsegwit +wallet\/regtest +dkls23-secp256k1 +4 of 5 /);
    assert.match(stdout, /\nnotary +messages +dkls23-secp256k1 /);
    assert.equal((resultIn(await here("keys", "--json")) as KeyPage).items.length, 3);
    node.messageKeys.length = 0;
    node.createKey = () =>
      Promise.resolve({ request: "d".repeat(64), name: "seal", account: null, state: "making" as const, key_id: null });
    const failed = { name: "seal", scheme: "dkls23-secp256k1", purpose: "messages", state: "failed" as const };
    node.underWay = [{ request: "d".repeat(64), ...failed, reason: "attempt 31: a node was silent" }];
    const none = await here("keys", "create", "--name", "seal");
    assert.equal(none.code, 1);
    assert.match(none.stderr, /could not be made\. attempt 31: a node was silent\. Ask again/);
  });

  test("keys presign asks for as many as one request makes, with a key that has a name or an id", async (t) => {
    const { here, node } = await scene(t);
    node.messageKeys.push("notary");
    const asked = await here("keys", "presign", "notary", "--count", "3");
    assert.equal(asked.code, 0, asked.stderr);
    assert.match(asked.stdout, /^3 signatures of key c{63}0 will be prepared\. "conclave keys" shows/);
    assert.match((await here("keys")).stdout, /\nnotary +messages +dkls23-secp256k1 +4 of 5 +3 /);
    const calls = node.calls;
    for (const count of ["0", "21", "1.5", "many"])
      assert.match((await here("keys", "presign", "notary", "--count", count)).stderr, /whole number from 1 to 20/);
    assert.equal(node.calls, calls, "nobody was asked");
    node.refusal = new ServiceError("presign-refused", "64 presignatures wait here.");
    const refused = await here("keys", "presign", "notary", "--json");
    assert.deepEqual([refused.code, failureIn(refused).problem], [2, "presign-refused"]);
  });

  test("send --account and wallet address --account choose; the balance is shown by account", async (t) => {
    const { here, node } = await scene(t);
    assert.equal((await here(...SEND, "--account", "segwit")).code, 0);
    assert.equal(node.payments[0]?.account, "segwit");
    assert.match(
      (await here("wallet", "address", "--account", "segwit")).stdout,
      /bcrt1q.*\n.*\nAccount +segwit, p2wpkh/,
    );
    const wrong = await here(...SEND, "--account", "legacy");
    assert.deepEqual(
      [wrong.code, /"legacy" is no account: there are taproot and segwit/.test(wrong.stderr)],
      [2, true],
    );
  });

  test("cluster rekey takes names or numbers, one key or all that have edges; cluster status shows dead ones", async (t) => {
    const { here, node } = await scene(t);
    node.messageKeys.push("notary");
    const all = await here("cluster", "rekey", "node-2", "4");
    assert.equal(all.code, 0, all.stderr);
    const one = await here("cluster", "rekey", "node-2", "node-4", "--key", "notary");
    assert.equal(one.code, 0, one.stderr);
    assert.deepEqual(
      node.rekeyed.map(({ key, between }) => [key.slice(0, 4), ...between]),
      [
        ["5b5b", 2, 4],
        ["cccc", 2, 4],
        ["cccc", 2, 4],
      ],
    );
    for (const [a, b] of [
      ["node-2", "2"],
      ["node-2", "eve"],
    ] as const)
      assert.equal((await here("cluster", "rekey", a, b)).code, 2);
    node.deadEdges = [{ key_id: SEGWIT, between: [2, 4], reason: "a check failed", rekeying: false }];
    assert.match((await here("cluster", "status")).stdout, /\nDead edge +nodes 2 and 4, key (?:5b){32}\n/);
  });
});
