/** What `init node` makes, what it leaves alone, and what it refuses. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { verifyCard } from "@conclave/consensus";
import { engine } from "../../engine.ts";
import { readCard } from "../node-folder.ts";
import { makeNode } from "./make-node.ts";
import { copyFolder, copyFounders, makeFounders, settingsAt, type Founder } from "./testing/founders.ts";
import { temporary } from "./testing/operators.ts";
import { refused } from "./testing/refused.ts";
import { filesIn } from "./testing/secrets.ts";

const { path: root, remove } = temporary();
after(remove);
let made: Founder;
let settings: Readonly<Record<string, unknown>>;
let copies = 0;

before(async () => {
  [made] = (await makeFounders(root, ["alpha"])) as [Founder];
  settings = settingsAt(root);
});

/** The node in a folder of the test's own. */
const copied = (): Founder => copyFounders([made], join(root, `copy-${copies++}`))[0]!;

const again = ({ dir }: Founder, wish: Partial<Parameters<typeof makeNode>[0]> = {}) =>
  makeNode({ dir, name: "alpha", cluster: "prod", settings, ...wish });

describe("init node", () => {
  test("makes all that a node has, for its own account only, and a card that it signed", () => {
    const { card } = readCard(made.card);
    assert.deepEqual([card.name, card.cluster, card.serial], ["alpha", "prod", 1]);
    assert.deepEqual(card.endpoints, { quic: ["127.0.0.1:9000"], libp2p: [] }, "0.0.0.0 is no address for peers");
    assert.ok(verifyCard(engine, readCard(made.card)));
    assert.match(readFileSync(join(made.dir, "public", "alpha.csr"), "utf8"), /BEGIN CERTIFICATE REQUEST/);
    assert.match(readFileSync(join(made.dir, "api-token"), "utf8"), /^[0-9a-f]{64}\n$/);
    const files = filesIn(made.dir);
    for (const needed of [
      "network-keys",
      "config.json",
      "vault/vault.header",
      "journal/safety.sqlite",
      "certificates/node.key",
    ])
      assert.ok(files.includes(join(made.dir, needed)), needed);
    for (const path of files) assert.equal(statSync(path).mode & 0o777, 0o600, path);
    for (const dir of [made.dir, ...["vault", "journal", "public", "certificates"].map((name) => join(made.dir, name))])
      assert.equal(statSync(dir).mode & 0o777, 0o700, dir);
  });

  test("run again changes nothing", async () => {
    const node = copied();
    const look = () =>
      filesIn(node.dir)
        .filter((path) => !/sqlite|vault\.(?:pid|lock)/.test(path))
        .map((path) => [path, readFileSync(path, "hex")]);
    const first = look();
    await again(node);
    assert.deepEqual(look(), first);
  });

  test("goes on where an earlier run was cut off", async () => {
    const node = copied();
    for (const name of ["public/alpha.card", "public/alpha.csr", "api-token", "journal/safety.sqlite"])
      rmSync(join(node.dir, name));
    await again(node);
    assert.equal(readCard(node.card).card.node, readCard(made.card).card.node);
    for (const name of ["public/alpha.csr", "api-token", "journal/safety.sqlite"])
      assert.ok(existsSync(join(node.dir, name)), name);
  });

  test("refuses names that no roster could hold", async () => {
    await assert.rejects(again(made, { name: "Alpha" }), refused("WrongUsage", /^--name is 1 to 32 of/));
    await assert.rejects(again(made, { cluster: "" }), refused("WrongUsage", /^--cluster is 1 to 32 of/));
  });

  test("refuses a folder with other files in it, or one that others can look into", async () => {
    const dir = join(root, "home");
    mkdirSync(dir);
    writeFileSync(join(dir, "diary"), "");
    await assert.rejects(again(made, { dir }), refused("FileUnusable", /holds other files: name a folder/));
    const node = copied();
    chmodSync(node.dir, 0o750);
    await assert.rejects(again(node), refused("FileUnusable", /open to other accounts. Run: chmod 700/));
  });

  test("refuses settings that are not right, and leaves no configuration of them", async () => {
    const dir = join(root, "unmade");
    const wrong = (more: Readonly<Record<string, unknown>>) => again(made, { dir, settings: { ...settings, ...more } });
    await assert.rejects(
      wrong({ esplora_url: "ftp://x" }),
      refused("ConfigWrong", /^What was given is not right. "esplora_url": must be a URL/),
    );
    await assert.rejects(
      wrong({ listen_quic: "0.0.0.0:9000" }),
      refused("WrongUsage", /could not find this one: say where with --advertise-quic/),
    );
    assert.ok(!existsSync(join(dir, "config.json")));
  });

  test("run again refuses what contradicts the first run", async () => {
    const node = copied();
    await assert.rejects(
      again(node, { settings: { ...settings, api_port: 1 } }),
      refused("WrongUsage", /"api_port" in .*config.json is 10000 and not 1: change it there/),
    );
    await assert.rejects(
      again(node, { name: "beta" }),
      refused("WrongUsage", /"name" in .* is "alpha" and not "beta"/),
    );
    await assert.rejects(
      again(node, { cluster: "test" }),
      refused("WrongUsage", /is for the cluster prod and not test/),
    );
  });

  test("never makes a vault anew for a node of a cluster, nor takes another node's for its own", async () => {
    const founded = copied();
    writeFileSync(join(founded.dir, "charter"), "");
    rmSync(join(founded.dir, "vault"), { recursive: true });
    await assert.rejects(again(founded), refused("FileUnusable", /its vault is gone: restore it from its backup/));
    const other = copied();
    const [beta] = (await makeFounders(join(root, "others"), ["alpha"])) as [Founder];
    rmSync(join(other.dir, "vault"), { recursive: true });
    copyFolder(join(beta.dir, "vault"), join(other.dir, "vault"));
    await assert.rejects(again(other), refused("FileUnusable", /is of another node than the vault/));
  });

  test("with another password opens nothing", async () => {
    const node = copied();
    const file = join(root, "wrong-password");
    writeFileSync(file, "another\n", { mode: 0o600 });
    const config = join(node.dir, "config.json");
    writeFileSync(
      config,
      readFileSync(config, "utf8").replace(/"password_file": "[^"]*"/, `"password_file": "${file}"`),
    );
    await assert.rejects(
      again(node, { settings: { ...settings, password_file: file } }),
      refused("CustodyNotOpened", /password/),
    );
    chmodSync(file, 0o644);
    await assert.rejects(
      again(node, { settings: { ...settings, password_file: file } }),
      refused("PasswordMissing", /others can read/),
    );
  });
});
