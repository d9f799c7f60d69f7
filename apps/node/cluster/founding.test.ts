/** A node's own hand in the founding: it signs its own card and a charter that names it, and nothing else. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { toHex } from "@conclave/bytes";
import {
  checkSignatures,
  parseNodeId,
  peerCardCodec,
  verifyCard,
  type Charter,
  type RosterEntry,
  type SignedCard,
} from "@conclave/consensus";
import { engine } from "../engine.ts";
import { prepareNode, type PreparedNode } from "../prepared-node.ts";
import { agree, introduce, rosterOf } from "./founding.ts";
import { nodeFolderAt } from "./node-folder.ts";

const root = mkdtempSync(join(tmpdir(), "conclave-founding-"));
const open = new Map<string, PreparedNode>();
after(async () => {
  for (const node of open.values()) await node.close();
  rmSync(root, { recursive: true, force: true });
});

const folderOf = (name: string) => nodeFolderAt(join(root, name));
const endpoints = { quic: ["127.0.0.1:9000"], libp2p: [] };

/** The node, opened anew: a refusal ends the thread that custody lives in. */
async function prepared(name: string): Promise<PreparedNode> {
  await open.get(name)?.close();
  const create = !open.has(name);
  const node = await prepareNode(folderOf(name).root, { name, password: "a password for tests", create });
  open.set(name, node);
  return node;
}

const charterOf = (cards: readonly SignedCard[]): Charter => ({
  version: 1,
  roster: { cluster: "prod", version: 1, nodes: [...rosterOf(cards)] },
  network: "regtest",
  threshold: 2,
  quorum: 2,
  genesisMs: 0,
  transport: "libp2p",
});

test("two nodes show cards and agree on a charter; neither signs a card in another's name", async () => {
  const [alpha, beta] = [await prepared("alpha"), await prepared("beta")];
  const cards = [
    await introduce(folderOf("beta"), beta.custody, { cluster: "prod", endpoints, serial: 1 }),
    await introduce(folderOf("alpha"), alpha.custody, { cluster: "prod", endpoints, serial: 1 }),
  ] as const;
  for (const card of cards) assert.ok(verifyCard(engine, card));
  const again = await introduce(folderOf("alpha"), alpha.custody, { cluster: "prod", endpoints, serial: 1 });
  assert.deepEqual(again, cards[1], "keys are drawn once");
  const charter = charterOf(cards);
  assert.deepEqual(
    charter.roster.nodes.map(({ name }) => name),
    ["alpha", "beta"],
    "in the roster's order",
  );
  const signatures = [
    { node: alpha.custody.entry.id, signature: await agree(alpha.custody, charter) },
    { node: beta.custody.entry.id, signature: await agree(beta.custody, charter) },
  ];
  checkSignatures(engine, { charter, signatures });

  // A card of beta's, brought to alpha to be signed.
  await assert.rejects(alpha.custody.sign("card", peerCardCodec.encode(cards[0].card)), {
    name: "CustodyNotOpened",
    message: /alpha: .*a node signs its own card/,
  });
});

test("a charter that names the node with another name or key, or not at all, is not signed", async () => {
  const cards = await Promise.all(
    ["alpha", "beta"].map(async (name) =>
      introduce(folderOf(name), (await prepared(name)).custody, { cluster: "prod", endpoints, serial: 1 }),
    ),
  );
  const charter = charterOf(cards);
  const [alpha, beta] = charter.roster.nodes as [RosterEntry, RosterEntry];
  const stranger = engine.ed25519Signer(new Uint8Array(32).fill(7)).publicKey;
  for (const nodes of [
    [{ ...alpha, voteKey: stranger }, beta],
    [{ ...alpha, name: "aleph" }, beta],
    [{ ...alpha, id: parseNodeId(toHex(stranger)) }, beta],
  ]) {
    const { custody } = await prepared("alpha");
    const changed = { ...charter, roster: { ...charter.roster, nodes } };
    await assert.rejects(agree(custody, changed), /alpha: .*a node signs a charter that names it/);
  }
});

test("the key of a node's certificates is the one that its card names", async () => {
  const folder = folderOf("alpha");
  const { custody } = await prepared("alpha");
  const { card } = await introduce(folder, custody, { cluster: "prod", endpoints, serial: 2 });
  const pem = readFileSync(join(folder.certificatesDir, "node.key"), "utf8");
  const spki = createPublicKey(createPrivateKey(pem)).export({ format: "der", type: "spki" });
  assert.deepEqual(Buffer.from(card.tlsKey), spki);
});
