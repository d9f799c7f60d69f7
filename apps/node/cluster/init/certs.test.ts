/** `conclave certs` on the folders that `init` makes: the real program, in this process. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { readCard } from "../node-folder.ts";
import { main } from "./main.ts";
import { copyFounders, foundAll, makeFounders, type Founder } from "./testing/founders.ts";
import { temporary } from "./testing/operators.ts";
import { filesIn } from "./testing/secrets.ts";

const { path: root, remove } = temporary();
after(remove);
let founded: readonly Founder[];
let copies = 0;
const ca = join(root, "ca");

before(async () => {
  founded = await makeFounders(join(root, "made"), ["alpha", "beta"]);
  await foundAll(founded);
});

const copied = (): Founder => copyFounders(founded.slice(0, 1), join(root, `copy-${copies++}`))[0]!;

/** What the program prints, and how it ends. */
async function certs(t: TestContext, ...args: readonly string[]) {
  const said: string[] = [];
  const log = t.mock.method(console, "log", (line: string) => void said.push(line));
  const error = t.mock.method(console, "error", (line: string) => void said.push(line));
  const written = t.mock.method(process.stderr, "write", (text: string) => said.push(text) > 0);
  const code = await main(["certs", ...args]);
  for (const mock of [log, error, written]) mock.mock.restore();
  return { code, said: said.join("\n") };
}

describe("conclave certs", () => {
  test("ca makes an authority, once", async (t) => {
    const made = await certs(t, "ca", "--dir", ca);
    assert.equal(made.code, 0, made.said);
    assert.match(made.said, /keep .*ca.key offline/);
    assert.equal(statSync(join(ca, "ca.key")).mode & 0o777, 0o600);
    const key = readFileSync(join(ca, "ca.key"), "utf8");
    const again = await certs(t, "ca", "--dir", ca);
    assert.equal(again.code, 1);
    assert.match(again.said, /exists and is not overwritten/);
    assert.equal(readFileSync(join(ca, "ca.key"), "utf8"), key);
  });

  test("a request is signed by the authority's keeper under the name that the keeper says, and installed", async (t) => {
    const node = copied();
    const key = readFileSync(join(node.dir, "certificates", "node.key"), "utf8");
    const request = join(node.dir, "public", "alpha.csr");
    assert.equal((await certs(t, "node", "--dir", node.dir, "--request")).code, 0);
    const out = join(root, "alpha.crt");
    const sign = ["node", "--sign", request, "--ca", ca, "--out", out];
    const wrong = await certs(t, ...sign, "--name", "beta");
    assert.deepEqual(
      [wrong.code, /the request is for "alpha" and not for "beta"/.test(wrong.said)],
      [1, true],
      wrong.said,
    );
    const signed = await certs(t, ...sign, "--name", "alpha", "--days", "90", "--hosts", "alpha.example.org,10.0.0.1");
    assert.equal(signed.code, 0, signed.said);
    const installed = await certs(t, "node", "--install", out, "--dir", node.dir, "--ca", join(ca, "ca.crt"));
    assert.equal(installed.code, 0, installed.said);
    const verified = await certs(t, "verify", "--dir", node.dir);
    assert.match(verified.said, /the certificate is good: for "alpha", "alpha.example.org"/);
    assert.equal(readFileSync(join(node.dir, "certificates", "node.key"), "utf8"), key, "the key that the card names");
    for (const path of filesIn(node.dir)) assert.equal(statSync(path).mode & 0o077, 0, path);
  });

  test("verify gives every reason why peers would refuse", async (t) => {
    const node = copied();
    const none = await certs(t, "verify", "--dir", node.dir);
    assert.deepEqual([none.code, /node.crt cannot be opened/.test(none.said)], [1, true]);
    assert.equal((await certs(t, "node", "--dir", node.dir, "--ca", ca)).code, 0);
    assert.equal((await certs(t, "verify", "--dir", node.dir)).code, 0);
    const foreign = join(root, "foreign");
    await certs(t, "ca", "--dir", foreign, "--name", "foreign");
    const other = join(root, "other.crt");
    await certs(
      t,
      "node",
      "--sign",
      join(node.dir, "public", "alpha.csr"),
      "--ca",
      foreign,
      "--name",
      "alpha",
      "--out",
      other,
    );
    const refused = await certs(t, "node", "--install", other, "--dir", node.dir);
    assert.deepEqual(
      [refused.code, /not installed: it was signed by .*none of our authorities/.test(refused.said)],
      [1, true],
    );
  });

  test("renew keeps key and hosts; with a new key the node needs a new card", async (t) => {
    const node = copied();
    await certs(t, "node", "--dir", node.dir, "--ca", ca, "--hosts", "alpha.example.org");
    const before = readFileSync(join(node.dir, "certificates", "node.crt"), "utf8");
    const renewed = await certs(t, "renew", "--dir", node.dir, "--ca", ca);
    assert.equal(renewed.code, 0, renewed.said);
    assert.notEqual(readFileSync(join(node.dir, "certificates", "node.crt"), "utf8"), before);
    assert.match((await certs(t, "verify", "--dir", node.dir)).said, /"alpha.example.org"/);
    const pinned = readCard(node.card).card.tlsKey;
    const anew = await certs(t, "renew", "--dir", node.dir, "--ca", ca, "--new-key");
    assert.match(anew.said, /run "conclave init card": the card names the key/);
    t.mock.method(console, "log", () => {});
    assert.equal(await main(["init", "card", "--dir", node.dir]), 0);
    t.mock.restoreAll();
    const { card } = readCard(node.card);
    assert.equal(card.serial, 2);
    assert.notDeepEqual(card.tlsKey, pinned);
  });

  test("says what does not fit together, with exit code 2", async (t) => {
    const { dir } = founded[0]!;
    for (const [args, words] of [
      [["node"], /name the node's folder with --dir, or a request/],
      [["node", "--sign", "a", "--install", "b"], /give one of them/],
      [["node", "--sign", "a"], /--sign needs the authority's folder/],
      [["node", "--sign", "a", "--ca", ca], /--sign needs --name/],
      [["node", "--dir", dir, "--request", "--ca", ca], /give one of them/],
      [["ca", "--dir", join(root, "never"), "--days", "0"], /whole number from 1 to 36500/],
      [["ca"], /required option '--dir <dir>'/],
      [["nod"], /unknown command 'nod'[\s\S]*Did you mean node/],
    ] as const) {
      const { code, said } = await certs(t, ...args);
      assert.equal(code, 2, said);
      assert.match(said, words);
    }
    assert.ok(!existsSync(join(root, "never")));
  });
});
