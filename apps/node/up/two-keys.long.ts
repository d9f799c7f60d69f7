/** A wallet with two accounts, and keys for messages: real nodes, real ceremonies, the real commands. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, ECDH, verify } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Balance, KeyPage, Message, Presigning, Problem, Transaction } from "@conclave/api";
import { RECEIVE } from "@conclave/bitcoin";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { openCluster, type Cluster } from "./testing/cluster.ts";
import { run } from "./testing/command.ts";
import { until } from "./testing/waiting.ts";

const KEYGEN_MS = 120_000;
const SIGN_MS = 60_000;

let cluster: Cluster;
let stopMining = (): void => {};
const NODES = [0, 1, 2];

before(async () => {
  cluster = await openCluster({ nodes: 3 });
  stopMining = cluster.startMining();
});
after(async () => {
  stopMining();
  await cluster.stop();
});

const conclave = (...args: readonly string[]) =>
  run([...args, "--json", "--api-endpoint", cluster.running.apiUrl(0), "--data", cluster.folder.root]);

/** What a command that succeeds prints. */
const done = async <T>(...args: readonly string[]): Promise<T> => {
  const { code, stdout, stderr } = await conclave(...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
};

/** Why a command failed, and its exit code. */
const failed = async (...args: readonly string[]): Promise<string> => {
  const { code, stderr } = await conclave(...args);
  const { error } = JSON.parse(stderr) as { readonly error: { readonly problem: string; readonly detail: string } };
  return `${code} ${error.problem}: ${error.detail}`;
};

const messageAt = async (node: number, id: string): Promise<Message> =>
  (await (await fetch(`${cluster.running.apiUrl(node)}/api/v1/messages/${id}`)).json()) as Message;

const ascending = (a: number, b: number): number => a - b;

/** As if it had died in a process that is over: gone from disk. `peer`: the other end's party number. */
const eraseEdge = (name: string, key: string, peer: number): void => {
  const edge = `edge.${key.slice(0, 32)}.${peer}.`;
  const files = readdirSync(cluster.folder.nodeDir(name), { recursive: true, withFileTypes: true });
  const found = files.filter((file) => file.name.startsWith(edge));
  assert.equal(found.length, 1);
  for (const file of found) rmSync(join(file.parentPath, file.name));
};

describe("the segwit account", () => {
  before(async () => {
    cluster.fund(100_000n);
    const meanwhile = pay(10_000, "taproot");
    await cluster.running.nodes[1]!.node.requestWalletKey("dkls23-secp256k1");
    await until("a segwit key on every node", KEYGEN_MS, () =>
      cluster.running.nodes.every((node) => node?.node.account("segwit")) ? true : undefined,
    );
    await cluster.agreed((await meanwhile).txid, ["confirmed"], SIGN_MS);
    const { address } = cluster.running.speaker.account("segwit")!.script(RECEIVE, 0);
    cluster.running.chain.faucet(address, 30_000_000n);
    cluster.running.chain.faucet(address, 20_000_000n);
  });

  const pay = async (amount: number, account?: string): Promise<Transaction & Problem> =>
    (
      await cluster
        .api(0)
        .pay(
          { recipient: DEMO_RECIPIENT, amount_sats: amount, ...(account ? { account } : {}) },
          `${amount} ${account}`.replace(" ", "-"),
        )
    ).body;

  test("is made beside the first, while that pays, and nobody takes a busy node for a silent one", () => {
    const kinds = cluster.running.speaker.accounts.map(({ account, wallet }) => `${account} ${wallet.scriptType}`);
    assert.deepEqual(kinds, ["taproot p2tr", "segwit p2wpkh"]);
    assert.deepEqual(
      cluster.said.filter((line) => /aborted|problem|sealed/.test(line)),
      [],
    );
  });

  test("pays what Taproot cannot; its change comes back to it, and each signer proved the coin's value", async () => {
    const small = await pay(25_000);
    assert.equal(small.account, "taproot");
    const large = await pay(40_000_000);
    assert.equal(large.account, "segwit", JSON.stringify(large));
    await cluster.agreed(large.txid, ["confirmed"], SIGN_MS);
    await cluster.agreed(small.txid, ["confirmed"], SIGN_MS);
    const { signers, fee_sats: fee } = await cluster.api(2).payment(large.txid);
    assert.equal(signers.length, 2);
    const { accounts, confirmed_sats: all } = await done<Balance>("wallet", "balance");
    const [taproot, segwit] = accounts;
    assert(taproot !== undefined && segwit !== undefined && fee !== null);
    assert.equal(segwit.confirmed_sats, 10_000_000 - fee);
    assert.equal(all, taproot.confirmed_sats + segwit.confirmed_sats);
  });

  test("is chosen with send --account", async () => {
    const sent = ["send", "--to", DEMO_RECIPIENT, "--amount", "20000", "--account", "segwit", "--wait", "confirmed"];
    const payment = await done<Transaction>(...sent);
    assert.deepEqual([payment.account, payment.state], ["segwit", "confirmed"]);
    const { address } = await done<{ readonly address: string }>("wallet", "address", "--account", "segwit");
    assert.match(address, /^bcrt1q/);
  });

  test("does not help another that lacks coins: a payment spends from one, and says so", async () => {
    const none = await pay(10_010_000);
    assert.match(none.detail, /^No account can pay this alone\. taproot: .+ segwit: /);
    const own = await pay(200_000, "taproot");
    assert.deepEqual([own.type, /segwit/.test(own.detail)], ["urn:conclave:problem:insufficient-funds", false]);
    const { body } = await cluster
      .api(0)
      .pay({ recipient: DEMO_RECIPIENT, amount_sats: 1_000, account: "segwit" }, "one");
    const other = { recipient: DEMO_RECIPIENT, amount_sats: 1_000, account: "taproot" };
    assert.match((await cluster.api(0).pay(other, "one")).body.type, /idempotency-key-reused/);
    await cluster.agreed(body.txid, ["confirmed"], SIGN_MS);
  });
});

describe("a key for messages", () => {
  const TEXT = "conclave: the deed of 5 May ü";
  let signed: Message;

  /** OpenSSL's opinion. */
  const verifies = ({ signature, public_key: publicKey }: Message, data: Buffer): boolean => {
    const point = ECDH.convertKey(publicKey!, "secp256k1", "hex", "hex", "uncompressed") as string;
    const part = (from: number): string => Buffer.from(point.slice(from, from + 64), "hex").toString("base64url");
    const key = createPublicKey({ key: { kty: "EC", crv: "secp256k1", x: part(2), y: part(66) }, format: "jwk" });
    return verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature!, "hex"));
  };

  test("is made by its name, once", async () => {
    const first = await done<KeyPage["items"][number]>("keys", "create", "--name", "notary");
    assert.deepEqual([first.name, first.purpose, first.account, first.threshold], ["notary", "messages", null, 2]);
    const again = await done<KeyPage["items"][number]>("keys", "create", "--name", "notary");
    assert.equal(again.id, first.id);
    const { items, under_way: underWay } = await done<KeyPage>("keys");
    assert.deepEqual([items.length, underWay.length], [3, 0]);
    for (const node of NODES) {
      const names = (await cluster.running.nodes[node]!.node.keys()).map(({ name }) => name);
      assert.deepEqual(names.filter((name) => name === "notary").length, 1, `node ${node + 1}`);
    }
  });

  test("signs a text, which OpenSSL verifies; the same idempotency key gives the same signature", async () => {
    const args = ["sign", "--key", "notary", "--message", TEXT, "--idempotency-key", "deed"];
    signed = await done<Message>(...args);
    assert(verifies(signed, Buffer.from(TEXT)));
    assert.equal(verifies(signed, Buffer.from(`${TEXT}.`)), false);
    assert.equal(signed.digest, createHash("sha256").update(TEXT).digest("hex"));
    assert.equal(signed.signers.length, 2);
    assert.equal((await done<Message>(...args)).signature, signed.signature);
    assert.match(await failed(...args.toSpliced(4, 1, "another text")), /^2 idempotency-key-reused/);
    for (const node of NODES)
      await until("the signature on every node", SIGN_MS, async () =>
        (await messageAt(node, signed.id)).signature === signed.signature ? true : undefined,
      );
  });

  test("signs in one round with what was prepared, each of them once, and then without", async () => {
    const waiting = () =>
      Promise.all(cluster.running.nodes.map(async (node) => (await node!.node.keys()).at(-1)!.presignatures));
    assert.equal((await done<Presigning>("keys", "presign", "notary", "--count", "2")).count, 2);
    const counts = await until("presignatures at two nodes", SIGN_MS, async () => {
      const found = await waiting();
      return found.toSorted(ascending).join() === "0,2,2" ? found : undefined;
    });
    const holders = counts.flatMap((count, i) => (count > 0 ? [i + 1] : []));
    const rounds = new Set<string>();
    const stop = cluster.notices.listen((_, notice) => void (notice.kind === "progress" && rounds.add(notice.round)));
    for (const [expected, left] of [
      ["dkls23/finish", 1],
      ["dkls23/finish", 0],
      ["dkls23/sign/1-commit", 0],
    ] as const) {
      rounds.clear();
      const text = `${left} left after ${expected}`;
      const message = await done<Message>("sign", "--key", "notary", "--message", text);
      assert(verifies(message, Buffer.from(text)));
      assert(rounds.has(expected), [...rounds].join());
      if (expected === "dkls23/finish") assert.deepEqual([rounds.size, message.signers], [1, holders]);
      assert.deepEqual((await waiting()).toSorted(ascending), [0, left, left]);
    }
    stop();
    assert.match(await failed("keys", "presign", "segwit"), /^2 presign-refused: .*for keys for messages/);
  });

  test("signs nothing for a wallet's key, and no bare digest without the switch, which is named", async () => {
    assert.match(
      await failed("sign", "--key", "segwit", "--message", TEXT),
      /^3 message-refused: .*a wallet's key signs payments only/,
    );
    assert.match(
      await failed("sign", "--key", "notary", "--digest", "ab".repeat(32)),
      /^3 digests-not-allowed: .*--allow-digests/,
    );
  });

  test("signs while a node is away, which has the signature when it is back", async () => {
    await cluster.running.stopNode(2);
    const away = await done<Message>("sign", "--key", "notary", "--message", "while you were out");
    await cluster.running.startNode(2);
    const { signature } = await until("the signature on the node that was away", SIGN_MS, async () => {
      const message = await messageAt(2, away.id).catch(() => undefined);
      return message?.state === "signed" ? message : undefined;
    });
    assert.equal(signature, away.signature);
  });

  /** Have two nodes make their edge of the key anew. Resolves with the places of those that did. */
  const rekey = async (one: string, other: string): Promise<readonly number[]> => {
    const made = new Set<number>();
    const both = cluster.notices.first("a new edge at both ends", (node, notice) => {
      if (notice.kind === "edgeMade") made.add(node);
      return made.size === 2 ? true : undefined;
    });
    await done("cluster", "rekey", one, other, "--key", "notary");
    await both;
    return [...made].toSorted(ascending);
  };

  test("goes on after two of its nodes made their edge anew", async () => {
    assert.deepEqual(await rekey("node1", "3"), [0, 2]);
    await cluster.running.stopNode(1);
    const message = await done<Message>("sign", "--key", "notary", "--message", "over the new edge");
    assert.deepEqual(message.signers, [1, 3]);
    eraseEdge("node2", message.key_id, 1);
    await cluster.running.startNode(1);
    assert.match(
      await failed("cluster", "rekey", "node1", "node2", "--key", "taproot"),
      /^2 rekey-refused: .*no edges/,
    );
  });

  test("names an edge that a node has lost from its start on, until its ends made it anew", async () => {
    const told = async () => (await cluster.api(1).status()).dead_edges.map((edge) => [...edge.between, edge.rekeying]);
    assert.deepEqual(await told(), [[1, 2, false]]);
    assert.match((await cluster.api(1).status()).reasons.join(), /conclave cluster rekey node1 node2 makes a new edge/);
    assert.deepEqual(await rekey("node1", "node2"), [0, 1]);
    assert.deepEqual(await told(), []);
  });

  test("is there after a restart with its signatures and both accounts, and signs digests with the switch", async () => {
    await cluster.restart({ allowDigests: true });
    assert.deepEqual(
      cluster.running.speaker.accounts.map(({ account }) => account),
      ["taproot", "segwit"],
    );
    for (const node of NODES) assert.equal((await messageAt(node, signed.id)).signature, signed.signature);
    const digest = createHash("sha256").update(TEXT).digest("hex");
    const bare = await done<Message>("sign", "--key", "notary", "--digest", digest);
    assert.deepEqual([bare.digest, bare.hash, bare.message_bytes], [digest, null, null]);
    assert(verifies(bare, Buffer.from(TEXT)));
  });
});
