/** Document 003's commands, against the real server in front of a node whose answers are chosen. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Key, Message } from "@conclave/api";
import { failureIn, resultIn, scene } from "../node/http/testing/command.ts";

const SEGWIT = "5b".repeat(32);

describe("document 003's names", () => {
  test("keygen makes a key for messages and follows it to the end, with and without tss before it", async (t) => {
    const { here, node } = await scene(t);
    const made = await here("keygen", "--name", "notary");
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^notary 02(?:79){32}\nKey id c{63}0\n$/);
    const other = resultIn(await here("tss", "keygen", "--name", "seal", "--json")) as Key;
    assert.deepEqual([other.name, other.purpose], ["seal", "messages"]);
    assert.deepEqual(node.messageKeys, ["notary", "seal"]);
    const nameless = await here("keygen");
    assert.deepEqual([nameless.code, /Give either --name.* or --wallet/.test(nameless.stderr)], [2, true]);
    const both = await here("keygen", "--name", "a", "--wallet", "taproot");
    assert.deepEqual([both.code, /Give either --name.* or --wallet/.test(both.stderr)], [2, true]);
  });

  test("keygen --wallet makes the key of an account", async (t) => {
    const { here, node } = await scene(t);
    const made = resultIn(await here("keygen", "--wallet", "segwit", "--json")) as Key;
    assert.deepEqual([made.account, node.asked], ["segwit", ["segwit"]]);
  });

  test("keygen says why there is no key, and how to go on; code 1", async (t) => {
    const { here, node } = await scene(t);
    node.createKey = () =>
      Promise.resolve({ request: "d".repeat(64), name: "seal", account: null, state: "making" as const, key_id: null });
    const failed = { name: "seal", scheme: "dkls23-secp256k1", purpose: "messages", state: "failed" as const };
    node.underWay = [{ request: "d".repeat(64), ...failed, reason: "attempt 31: a node was silent" }];
    const { code, stderr } = await here("tss", "keygen", "--name", "seal");
    assert.equal(code, 1);
    assert.match(stderr, /could not be made\. attempt 31: a node was silent\. Ask again/);
  });

  test("tss sign and tss status are sign and cluster status", async (t) => {
    const { here, node } = await scene(t);
    node.messageLife = ["voting", "signing", "signed"];
    const signed = resultIn(await here("tss", "sign", "--key", SEGWIT, "--message", "hello", "--json")) as Message;
    assert.equal(signed.state, "signed");
    assert.deepEqual(resultIn(await here("tss", "status", "--json")), await node.clusterStatus());
  });

  test("keyrefresh and qc come later, and say so without asking a node; code 6", async (t) => {
    const { here, node } = await scene(t);
    for (const args of [["keyrefresh"], ["keyrefresh", "--key", SEGWIT], ["tss", "keyrefresh"], ["tss", "qc"]]) {
      const plain = await here(...args);
      assert.equal(plain.code, 6, args.join(" "));
      assert.match(plain.stderr, /comes with a later version: nothing was changed/);
      assert.equal(failureIn(await here(...args, "--json")).problem, "not-yet");
    }
    assert.equal(node.calls, 0);
  });

  test("a slip of the finger is met with the name that was meant", async (t) => {
    const { here } = await scene(t);
    assert.match((await here("keygn", "--name", "a")).stderr, /Did you mean keygen\?/);
    assert.match((await here("tss", "keyrefesh")).stderr, /Did you mean keyrefresh\?/);
  });
});

test("a node's configuration is named after the two words, so that the program that knows nodes is asked", async (t) => {
  const { conclave } = await scene(t);
  for (const action of ["check", "show"]) {
    const { code, stderr } = await conclave(["--json", "config", action, "alpha/config.json"]);
    assert.equal(code, 2);
    assert.match(stderr, /first, and the node's file and options after it/);
    const asked = await conclave(["config", action, "alpha/config.json"]);
    assert.match(asked.stderr + asked.stdout, /alpha\/config.json is not there: .*conclave init node/);
  }
});
