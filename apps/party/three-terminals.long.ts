import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startRelay, type Relay } from "@conclave/relay-service";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { fromHex } from "@conclave/bytes";
import { cutPower, Desk, type Outcome } from "./testing/terminal.ts";

const PAGE = join(import.meta.dirname, "..", "..", "docs", "operating", "party.md");

const README = join(import.meta.dirname, "..", "..", "README.md");

/** What a page tells people to type, in order. */
const scriptsOn = (page: string): readonly string[] =>
  [...readFileSync(page, "utf8").matchAll(/^```sh\n(?<script>[^`]+)^```$/gm)].map(({ groups }) => groups!["script"]!);

const blocks = scriptsOn(PAGE);
const [RELAY, MAKE, INVITE, KEYGEN, SIGN, DERIVE] = blocks as [string, string, string, string, string, string];

/** The page writes for party 1, "the others write 2 and 3 for every 1". */
const forParty = (script: string, party: number): string =>
  script
    .replaceAll("PARTY_ID=1", `PARTY_ID=${party}`)
    .replaceAll("./p1", `./p${party}`)
    .replaceAll("1.card", `${party}.card`);

const [SETTINGS] = MAKE.split("\n") as [string];

/** One of the words on the right of a label. */
const read = ({ stdout }: Outcome, label: string): string =>
  new RegExp(`^${label} +(?<word>.+)$`, "m").exec(stdout)?.groups?.["word"] ??
  assert.fail(`no ${label} in:\n${stdout}`);

const same = <T>(values: readonly T[]): T => {
  assert.equal(new Set(values).size, 1, values.join("\n"));
  return values[0]!;
};

const assertOk = (outcomes: readonly Outcome[]): void => {
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
};

describe("three people in three terminals, through a relay", () => {
  const desk = new Desk();
  let relay: Relay;
  before(async () => {
    relay = await startRelay({ listen: [{ host: "127.0.0.1", port: 0 }] });
  });
  after(async () => {
    desk.dispose();
    await relay.close();
  });

  const type = async (party: number, script: string, onLine?: Parameters<Desk["type"]>[2]): Promise<Outcome> =>
    desk.type(`${forParty(SETTINGS, party)}\n${forParty(script, party)}`, { RELAY_URL: relay.url }, onLine);
  const all = async (script: string, parties: readonly number[] = [1, 2, 3]): Promise<readonly Outcome[]> =>
    Promise.all(parties.map(async (party) => type(party, script)));

  test("get a key and a signature from the page's words alone", async () => {
    assert.equal(blocks.length, 6, "the page has six things to type");
    const short = scriptsOn(README).map((script) => script.replaceAll("npx conclave", "conclave"));
    const first = short.indexOf(RELAY);
    assert.deepEqual(short.slice(first, first + blocks.length), blocks, "the README has the same six");
    assert.match(RELAY, /^conclave relay\n$/);
    assertOk(await all(MAKE));
    assertOk([await type(1, INVITE)]);
    const made = await all(KEYGEN);
    assertOk(made);
    same(made.map((outcome) => read(outcome, "Public key")));
    same(made.map((outcome) => read(outcome, "Fingerprint")));
    const signed = await all(SIGN, [1, 3]);
    assertOk(signed);
    const signature = same(signed.map((outcome) => read(outcome, "Signature")));
    const [derived] = await all(DERIVE, [2]);
    const publicKey = read(derived!, "Public key");
    assert.ok(read(signed[0]!, "Public key").startsWith(publicKey));
    const [digest] = read(signed[0]!, "Signed").split(" ");
    const [compact, message] = [fromHex(signature).subarray(0, 64), fromHex(digest!)];
    assert.ok(secp256k1.verify(compact, message, fromHex(publicKey), { prehash: false }));
  });

  test("leave nothing readable on disk, and nothing that others may read", () => {
    for (const party of [1, 2, 3]) {
      const vault = join(desk.folder, `p${party}`, "vault");
      assert.equal(statSync(vault).mode & 0o077, 0);
      for (const file of readdirSync(vault)) {
        assert.equal(statSync(join(vault, file)).mode & 0o077, 0, file);
        assert.match(file, /^vault\.|\.sealed$/);
      }
    }
  });

  test("a party that is killed in the middle of it runs the same command again, and all come to one key", async () => {
    const words =
      "conclave party invite --threshold 2 --scheme frost-taproot --name taproot $(cat 1.card 2.card 3.card) > invite";
    assertOk([await type(1, words)]);
    const others = all(KEYGEN, [1, 2]);
    const killed = await type(3, KEYGEN, (line, child) => {
      if (line.startsWith("attempt 1")) cutPower(child);
    });
    assert.equal(killed.code, null);
    // This time over plain HTTP.
    const again = await type(3, KEYGEN.replace("party keygen", "party --http keygen"));
    const made = [...(await others), again];
    assertOk(made);
    same(made.map((outcome) => read(outcome, "Public key")));
    same(made.map((outcome) => read(outcome, "Fingerprint")));

    const signing = 'conclave party sign --key taproot --message "still here" --json';
    const signed = await all(signing, [2, 3]);
    assertOk(signed);
    const [first, second] = signed.map(({ stdout }) => JSON.parse(stdout) as Record<string, string>);
    assert.equal(first!["signature"], second!["signature"]);
    const [key, digest, signature] = ["public_key", "digest", "signature"].map((field) => fromHex(first![field]!));
    assert.ok(schnorr.verify(signature!, digest!, key!.subarray(1)));
  });

  test("a command that is stopped from the keyboard says that nothing is lost", async () => {
    const words = 'conclave party sign --key taproot --message "nobody else comes"';
    const { code, stdout, stderr } = await type(1, `exec ${words}`, (line, child) => {
      if (line.startsWith("waiting for")) child.kill("SIGINT");
    });
    assert.equal(code, 130);
    assert.equal(stdout, "");
    assert.match(stderr, /Interrupted; nothing is lost: the same command goes on or starts anew/);
  });

  test("a party that types something else is told so, and so are the others", async () => {
    const [one, two] = await Promise.all([
      type(1, 'conclave party sign --key key --message "we agree" --parties 1,2'),
      type(2, 'conclave party sign --key key --message "we disagree" --parties 1,2'),
    ]);
    for (const { code, stdout, stderr } of [one, two]) {
      assert.equal(code, 3);
      assert.equal(stdout, "");
      assert.match(stderr, /party [12] takes no part here: its message is another one/);
      assert.match(stderr, /See who is right, and run the command again/);
    }
  });

  test("parties that came with different keys meet far enough to be told so", async () => {
    const told = new Set<ChildProcess>();
    const signing = async (party: number, key: string): Promise<Outcome> =>
      type(party, `exec conclave party sign --key ${key} --message "we agree"`, (line, child) => {
        if (!/takes no part/.test(line)) return;
        told.add(child);
        if (told.size === 2) for (const each of told) each.kill("SIGINT");
      });
    for (const { code, stderr } of await Promise.all([signing(1, "key"), signing(2, "taproot")])) {
      assert.equal(code, 130);
      assert.match(stderr, /party [12] takes no part here: it came with another invite, or for the key of another one/);
    }
  });
});
