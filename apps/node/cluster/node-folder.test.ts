/** What a node's folder says of its cluster, and every way in which it could say something that not all of its nodes did. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { toHex, utf8 } from "@conclave/bytes";
import {
  parseNodeId,
  signCard,
  signCharter,
  signedCardCodec,
  signedCharterCodec,
  type Charter,
  type PeerCard,
  type SignedCard,
  type SignedCharter,
} from "@conclave/consensus";
import { engine } from "../engine.ts";
import {
  isFounded,
  nodeFolderAt,
  readCard,
  readCharter,
  readMembership,
  writeCard,
  writeMembership,
} from "./node-folder.ts";
import { FileUnusable } from "./private-files.ts";
import { printToken } from "./tokens.ts";

const root = mkdtempSync(join(tmpdir(), "conclave-folder-"));
after(() => rmSync(root, { recursive: true, force: true }));

const seed = (use: string): Uint8Array => engine.sha256(utf8(use));
const key = (use: string): Uint8Array => engine.ed25519Signer(seed(use)).publicKey;
const identity = (name: string) => engine.ed25519Signer(seed(`identity of ${name}`));

function cardOf(name: string, changes: Partial<PeerCard> = {}): SignedCard {
  const card: PeerCard = {
    cluster: "prod",
    node: parseNodeId(toHex(identity(name).publicKey)),
    name,
    voteKey: key(`vote of ${name}`),
    serial: 1,
    libp2pKey: key(`libp2p of ${name}`),
    relaySignKey: key(`relay of ${name}`),
    relaySealKey: engine.x25519Public(seed(`seal of ${name}`)),
    tlsKey: new Uint8Array(91),
    endpoints: { quic: [`${name}.example.org:9000`], libp2p: [] },
    ...changes,
  };
  return signCard(identity(name), card);
}

const NAMES = ["alpha", "beta", "gamma"] as const;
const cards = NAMES.map((name) => cardOf(name));
const charter: Charter = {
  version: 1,
  roster: {
    cluster: "prod",
    version: 1,
    nodes: cards.map(({ card: { node: id, name, voteKey } }) => ({ id, name, voteKey })),
  },
  network: "signet",
  threshold: 3,
  quorum: 3,
  genesisMs: 0,
  transport: "quic",
};
const signatures = cards.map(({ card: { node, name } }) => ({ node, signature: signCharter(identity(name), charter) }));
const signed: SignedCharter = { charter, signatures };

let made = 0;

/** A folder of these; whole unless changed. */
function folderWith({
  charter: of = signed,
  cards: given = cards,
}: { charter?: SignedCharter; cards?: readonly SignedCard[] } = {}) {
  const folder = nodeFolderAt(join(root, `node-${made++}`));
  writeMembership(folder, of, given);
  return folder;
}

const unusable = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FileUnusable, String(error));
  assert.match(error.message, words);
  return true;
};

describe("a node's membership", () => {
  test("that all signed, with the cards of all, is read as it was written, from files of its own account", () => {
    const folder = folderWith();
    assert.ok(isFounded(folder));
    const membership = readMembership(folder);
    assert.deepEqual(membership.charter, charter);
    assert.deepEqual([...membership.cards.values()].map(({ name }) => name).toSorted(), NAMES);
    assert.deepEqual(readCharter(folder.charterFile), signed);
    assert.deepEqual(
      readdirSync(folder.cardsDir).toSorted(),
      NAMES.map((name) => `${name}.card`),
    );
    for (const path of [folder.charterFile, join(folder.cardsDir, "beta.card")])
      assert.equal(statSync(path).mode & 0o777, 0o600);
    for (const path of [folder.root, folder.cardsDir]) assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  const refusals: readonly (readonly [what: string, parts: Parameters<typeof folderWith>[0], words: RegExp])[] = [
    ["that nobody signed", { charter: { charter, signatures: [] } }, /not signed by alpha, beta, gamma: add their/],
    ["that two of three signed", { charter: { charter, signatures: signatures.slice(1) } }, /not signed by alpha: add/],
    [
      "that somebody signed in another's name",
      { charter: { charter, signatures: signatures.map((one) => ({ ...one, signature: signatures[0]!.signature })) } },
      /beta signed another charter/,
    ],
    [
      "whose numbers were changed after it was signed",
      { charter: { ...signed, charter: { ...charter, quorum: 2 } } },
      /alpha signed another charter/,
    ],
    [
      "with a signature twice",
      { charter: { charter, signatures: [...signatures, signatures[0]!] } },
      /signed the charter twice/,
    ],
    ["without a card", { cards: cards.slice(0, 2) }, /the cards of gamma are missing in .*cards: ask their operators/],
    ["without any card", { cards: [] }, /the cards of alpha, beta, gamma are missing/],
    [
      "with a stranger's card",
      { cards: [...cards, cardOf("mallory")] },
      /mallory's card is of a node that the roster does not name/,
    ],
    [
      "with a card for another cluster",
      { cards: [cardOf("alpha", { cluster: "test" }), ...cards.slice(1)] },
      /for the cluster test/,
    ],
    [
      "with a card whose vote key is another",
      { cards: [cardOf("alpha", { voteKey: key("another") }), ...cards.slice(1)] },
      /alpha's card contradicts the roster/,
    ],
    [
      "with a card that another node signed",
      { cards: [signCard(identity("beta"), cards[0]!.card), ...cards.slice(1)] },
      /alpha's card is not signed by that node/,
    ],
    [
      "with a card whose address was changed",
      {
        cards: [
          { ...cards[0]!, card: { ...cards[0]!.card, endpoints: { quic: ["10.6.6.6:9000"], libp2p: [] } } },
          ...cards.slice(1),
        ],
      },
      /alpha's card is not signed by that node/,
    ],
  ];
  for (const [what, parts, words] of refusals)
    test(`${what} is refused`, () => {
      assert.throws(() => readMembership(folderWith(parts)), unusable(words));
    });

  test("with a node under two names is refused", () => {
    const folder = folderWith();
    writeFileSync(
      join(folder.cardsDir, "other.card"),
      printToken("card", signedCardCodec.encode(cardOf("alpha", { name: "other" }))),
    );
    assert.throws(
      () => readMembership(folder),
      unusable(/other's card contradicts the roster: there the node is alpha/),
    );
  });

  test("whose files are gone, cut, or something else is refused by path", () => {
    const folder = folderWith();
    writeFileSync(join(folder.cardsDir, "beta.card"), "conclave-card-1:AAAA\n");
    assert.throws(() => readMembership(folder), unusable(/beta.card cannot be read: /));
    writeFileSync(join(folder.cardsDir, "beta.card"), printToken("charter", signedCharterCodec.encode(signed)));
    assert.throws(() => readMembership(folder), unusable(/beta.card cannot be read: this is no card/));
    writeFileSync(folder.charterFile, "");
    assert.throws(() => readMembership(folder), unusable(/charter cannot be read: this is no charter/));
    rmSync(folder.charterFile);
    assert.ok(!isFounded(folder));
    assert.throws(() => readMembership(folder), unusable(/charter is not there/));
    // What else lies in the folder is nobody's card.
    const other = folderWith();
    writeFileSync(join(other.cardsDir, "notes.txt"), "");
    assert.equal(readMembership(other).cards.size, 3);
  });
});

describe("a card on disk", () => {
  test("gives way to one with a higher number, and never to one with a lower", () => {
    const folder = folderWith();
    const file = join(folder.cardsDir, "alpha.card");
    const newer = cardOf("alpha", { serial: 3, endpoints: { quic: ["10.0.0.1:9000"], libp2p: [] } });
    writeCard(folder, newer);
    assert.deepEqual(readCard(file), newer);
    assert.throws(
      () => writeCard(folder, cardOf("alpha", { serial: 2 })),
      unusable(/is card 3 of alpha, and newer than card 2/),
    );
    assert.throws(() => writeMembership(folder, signed, cards), unusable(/is card 3 of alpha, and newer than card 1/));
    assert.deepEqual(readCard(file), newer);
    writeCard(folder, newer);
    assert.equal(readMembership(folder).cards.get(newer.card.node)!.serial, 3);
  });

  test("comes before the charter: a founding that was cut off is none", () => {
    const folder = nodeFolderAt(join(root, `node-${made++}`));
    writeCard(folder, cardOf("alpha", { serial: 2 }));
    assert.throws(() => writeMembership(folder, signed, cards), unusable(/newer than card 1/));
    assert.ok(!existsSync(folder.charterFile));
  });
});
