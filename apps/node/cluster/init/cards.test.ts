/** New cards when addresses or keys change: made by their node alone, taken in by peers, never replaced by older ones. */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { nodeFolderAt, readCard, readMembership } from "../node-folder.ts";
import { addCards, renewCard } from "./cards.ts";
import { copyFounders, damage, foundAll, makeFounders, type Founder } from "./testing/founders.ts";
import { temporary } from "./testing/operators.ts";
import { writeStranger } from "./testing/strangers.ts";
import { refused } from "./testing/refused.ts";

type Two = readonly [Founder, Founder];

const { path: root, remove } = temporary();
after(remove);
let founded: Two;
let apart: Two;
let copies = 0;
const stranger = writeStranger(join(root, "stranger"), "alpha");
const elsewhere = writeStranger(join(root, "elsewhere"), "alpha", { cluster: "test" });

before(async () => {
  founded = (await makeFounders(join(root, "made"), ["alpha", "beta"])) as unknown as Two;
  apart = copyFounders(founded, join(root, "apart")) as unknown as Two;
  await foundAll(founded);
});

const copied = (from: Two): Two => copyFounders(from, join(root, `copy-${copies++}`)) as unknown as Two;

function edit({ dir }: Founder, settings: Readonly<Record<string, unknown>>): void {
  const file = join(dir, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...settings }), { mode: 0o600 });
}

describe("init card", () => {
  test("says nothing new while nothing changed", async () => {
    const [alpha] = copied(founded);
    const text = readFileSync(alpha.card, "utf8");
    assert.match((await renewCard(alpha.dir))[0]!, /^card 1 still says all there is/);
    assert.equal(readFileSync(alpha.card, "utf8"), text);
  });

  test("after an address changed gives a card with the next number, which peers take in once", async () => {
    const [alpha, beta] = copied(founded);
    edit(alpha, { advertise_quic: ["alpha.example.org:9000", "[2001:db8::1]:9000"] });
    assert.match((await renewCard(alpha.dir))[0]!, /^card 2 of alpha: /);
    const { card } = readCard(alpha.card);
    assert.deepEqual([card.serial, card.endpoints.quic], [2, ["alpha.example.org:9000", "[2001:db8::1]:9000"]]);
    assert.deepEqual(addCards(beta.dir, [alpha.card]), [
      "card 2 of alpha taken in",
      "a running node reads its cards when it starts again",
    ]);
    assert.equal(addCards(beta.dir, [alpha.card])[0], "card 2 of alpha was there");
    for (const { dir } of [alpha, beta]) {
      const { cards } = readMembership(nodeFolderAt(dir));
      assert.equal(cards.get(card.node)!.serial, 2, dir);
    }
  });

  test("refuses settings by which nobody would find the node, and a node that was not made", async () => {
    const [alpha] = copied(founded);
    edit(alpha, { listen_quic: "0.0.0.0:9000" });
    await assert.rejects(renewCard(alpha.dir), refused("WrongUsage", /could not find this one/));
    // Found by libp2p, but the cluster talks over QUIC.
    edit(alpha, { advertise_libp2p: ["/ip4/10.0.0.1/tcp/9001"] });
    await assert.rejects(renewCard(alpha.dir), refused("FileUnusable", /alpha names no address for quic/));
    assert.equal(readCard(alpha.card).card.serial, 1);
    await assert.rejects(
      renewCard(join(root, "nobody")),
      refused("FileUnusable", /"conclave init node --dir .*" makes a node/),
    );
    rmSync(alpha.card);
    await assert.rejects(
      renewCard(alpha.dir),
      refused("FileUnusable", /alpha.card is not there: finish "conclave init node/),
    );
  });
});

describe("init add-card", () => {
  test("refuses a card that is older than what is there", async () => {
    const [alpha, beta] = copied(founded);
    const old = join(root, "old.card");
    copyFileSync(alpha.card, old);
    edit(alpha, { advertise_quic: ["10.0.0.1:9000"] });
    await renewCard(alpha.dir);
    addCards(beta.dir, [alpha.card]);
    assert.throws(
      () => addCards(beta.dir, [old]),
      refused("FileUnusable", /is card 2 of alpha, and newer than card 1/),
    );
  });

  test("refuses two cards of one number, damaged cards, and cards of others than the charter's nodes", async () => {
    const [alpha, beta] = copied(founded);
    const twin = copied(founded)[0];
    for (const [node, port] of [
      [alpha, 9_100],
      [twin, 9_200],
    ] as const) {
      edit(node, { advertise_quic: [`10.0.0.1:${port}`] });
      await renewCard(node.dir);
    }
    addCards(beta.dir, [alpha.card]);
    assert.throws(
      () => addCards(beta.dir, [twin.card]),
      refused("FileUnusable", /alpha signed two different cards with number 2: its operator runs "conclave init card"/),
    );
    damage(twin.card);
    assert.throws(
      () => addCards(beta.dir, [twin.card]),
      refused("FileUnusable", /is not signed by the node|cannot be read/),
    );
    assert.throws(
      () => addCards(beta.dir, [stranger]),
      refused("FileUnusable", /alpha's card is of a node that the roster does not name/),
    );
    assert.throws(
      () => addCards(beta.dir, [elsewhere]),
      refused("FileUnusable", /for the cluster test, and this is prod/),
    );
  });

  test("of a node that does not belong to a cluster yet keeps cards of its cluster's name, one node to a name", async () => {
    const [alpha, beta] = copied(apart);
    assert.deepEqual(addCards(beta.dir, [alpha.card]), ["card 1 of alpha taken in"]);
    assert.throws(
      () => addCards(beta.dir, [elsewhere]),
      refused("FileUnusable", /for the cluster test, and this node is of prod/),
    );
    assert.throws(
      () => addCards(beta.dir, [stranger]),
      refused(
        "FileUnusable",
        /is of another node called alpha: if its operator made the node anew, move the file away/,
      ),
    );
  });

  test("takes a well-signed card of a node only with that node's own name and keys", () => {
    const [alpha, beta] = copied(founded);
    const { card } = readCard(alpha.card);
    // Alpha's address, changed by somebody who has another node's key.
    const file = writeStranger(join(root, "forged"), "alpha", { ...card, serial: 2 });
    assert.throws(
      () => addCards(beta.dir, [file]),
      refused("FileUnusable", /alpha.card is not signed by the node that it speaks of/),
    );
  });
});
