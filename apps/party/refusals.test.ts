import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Desk, party, type Outcome } from "./testing/terminal.ts";

const desk = new Desk();
after(() => desk.dispose());

const envOf = (id: string, data = `p${id}`): Record<string, string> => ({
  PARTY_ID: id,
  DEST: join(desk.folder, data),
  CONCLAVE_PASSWORD_FILE: desk.passwordFile,
});

/** Nothing on stdout, one sentence on stderr, this code. */
function assertRefused({ code, stdout, stderr }: Outcome, expected: number, words: RegExp): void {
  assert.equal(stdout, "");
  assert.match(stderr, words);
  assert.equal(code, expected, stderr);
  assert.doesNotMatch(stderr, /at .*\.ts:\d+/);
}

const cardOf = async (id: string): Promise<string> => {
  const { stdout } = await party(["info", "--card"], { ...envOf(id), LOG_LEVEL: "error" });
  return stdout.trim();
};
const cards = [await cardOf("1"), await cardOf("2")] as const;
const invited = await party(["invite", "--threshold", "2", "--scheme", "frost-taproot", ...cards], {});
const INVITE = invited.stdout.trim();

describe("conclave party", () => {
  test("says what there is", async () => {
    for (const args of [[], ["--help"]]) {
      const { code, stdout } = await party(args);
      assert.equal(code, 0);
      for (const word of ["info", "invite", "keygen", "sign", "derive", "refresh", "PARTY_ID", "Exit codes"])
        assert.match(stdout, new RegExp(word));
    }
  });

  const TYPED_WRONG: readonly (readonly [args: readonly string[], words: RegExp])[] = [
    [["keygn"], /unknown command 'keygn' \(Did you mean keygen\?\)/],
    [["info", "--jsn"], /unknown option '--jsn' \(Did you mean --json\?\)/],
    [["keygen"], /missing required argument 'invite'/],
    [["keygen", "one", "two"], /too many arguments/],
    [["invite", "card"], /--threshold|--scheme/],
    [["invite", "--threshold", "2", "--scheme", "rsa", ...cards], /no scheme "rsa": there are dkls23/],
    [["invite", "--threshold", "two", "--scheme", "dkls23", ...cards], /--threshold is "two"/],
    [["invite", "--threshold", "3", "--scheme", "dkls23", ...cards], /threshold for 2 parties is 2 to 2, not 3/],
    [["invite", "--threshold", "2", "--scheme", "dkls23", "--name", "My Key", ...cards], /--name is "My Key"/],
    [["invite", "--threshold", "2", "--scheme", "dkls23", cards[0]], /2 to 16 parties, and these are 1 cards/],
    [["invite", "--threshold", "2", "--scheme", "dkls23", cards[0], cards[0]], /two cards are of party 1/i],
    [["invite", "--threshold", "2", "--scheme", "dkls23", cards[0], cards[1].slice(1)], /A card begins with "card_"/],
    [["keygen", cards[0]], /An invite begins with "invite_"/],
    [["keygen", INVITE.slice(0, -2)], /The invite was not copied whole/],
    [["keygen", INVITE, "--timeout", "soon"], /--timeout is "soon"/],
    [["derive", "--path", "0/1"], /"0\/1" is no path/],
    [["sign"], /exactly one of --message, --file and --digest/],
    [["sign", "--message", "a", "--file", "b"], /exactly one of/],
    [["sign", "--file", "/nonexistent"], /\/nonexistent cannot be read/],
    [["sign", "--message", "a", "--hash", "md5"], /--hash is "md5": write one of sha256, sha256d, keccak256/],
    [["sign", "--digest", "00", "--allow-digest"], /--digest is 32 bytes/],
    [["sign", "--digest", "00".repeat(32), "--hash", "sha256"], /--hash is for messages/],
    [["sign", "--message", "a", "--parties", "1,1"], /--parties is "1,1": write different numbers/],
    [["sign", "--message", "a", "--parties", "1,x"], /--parties is "1,x"/],
    [["sign", "--message", "a", "--path", "m/x"], /is no path/],
  ];
  for (const [args, words] of TYPED_WRONG) {
    test(`refuses: ${args.map((arg) => arg.slice(0, 20)).join(" ")}`, async () => {
      assertRefused(await party(args, envOf("1")), 2, words);
    });
  }

  test("needs a number, a party, a password", async () => {
    assertRefused(await party(["info"], {}), 2, /PARTY_ID is not set/);
    assertRefused(
      await party(["keygen", INVITE], envOf("1", "nowhere")),
      6,
      /no party in .*nowhere yet: "conclave party info" makes one/,
    );
    const { CONCLAVE_PASSWORD_FILE: file, ...none } = envOf("1");
    assertRefused(await party(["info"], none), 2, /--password-file FILE or CONCLAVE_PASSWORD_FILE/);
    assertRefused(await party(["info", "--password-file", "/nonexistent"], envOf("1")), 2, /cannot be read/);
    const other = join(desk.folder, "other");
    writeFileSync(other, "wrong\n", { mode: 0o600 });
    assertRefused(await party(["info", "--password-file", other], envOf("1")), 2, /password/);
    chmodSync(other, 0o644);
    assertRefused(await party(["info", "--password-file", other], envOf("1")), 2, /Others can read .*chmod 600/);
    assert.ok(file !== undefined);
  });

  test("keeps a folder for one party", async () => {
    assertRefused(
      await party(["info"], envOf("2", "p1")),
      2,
      /data of party 1, not of party 2: set PARTY_ID as it was, or DEST/,
    );
  });

  test("makes no key of an invite for others, and signs with no key", async () => {
    assertRefused(await party(["keygen", INVITE], envOf("1", "stranger")), 6, /no party in/);
    await party(["info", "--card"], { ...envOf("1", "stranger"), LOG_LEVEL: "error" });
    assertRefused(
      await party(["keygen", INVITE], envOf("1", "stranger")),
      2,
      /party 1 of the invite is somebody else/i,
    );
    assertRefused(
      await party(["sign", "--message", "a"], envOf("1")),
      6,
      /has no key yet: "conclave party keygen INVITE"/,
    );
    assertRefused(await party(["derive", "--path", "m/0"], envOf("1")), 6, /has no key yet/);
  });

  test("signs no digest that nobody allowed, and no preimage of a spend", async () => {
    assertRefused(
      await party(["sign", "--digest", "00".repeat(32)], envOf("1")),
      3,
      /A digest may be of anything.*--allow-digest/,
    );
    const inner = join(desk.folder, "inner");
    writeFileSync(inner, new Uint8Array(32).fill(3));
    assertRefused(await party(["sign", "--file", inner], envOf("1")), 3, /could spend coins/);
    const long = join(desk.folder, "long");
    writeFileSync(long, new Uint8Array(65_537));
    assertRefused(await party(["sign", "--file", long], envOf("1")), 2, /65537 bytes where 65536 are allowed/);
  });

  test("says that refresh comes later", async () => {
    assertRefused(await party(["refresh"], envOf("1")), 6, /Refreshing shares comes later/);
    assertRefused(await party(["refresh", "--key", "x"], envOf("1")), 6, /comes later/);
  });

  test("waits as long as it was told, and says for whom", async () => {
    const env = { ...envOf("1"), RELAY_URL: "http://127.0.0.1:1" };
    const { code, stderr } = await party(["keygen", INVITE, "--timeout", "1"], env);
    assert.equal(code, 4);
    assert.match(stderr, /waiting for party 2 …/);
    assert.match(stderr, /No result within 1 s/);
  });

  test("tells programs in JSON", async () => {
    const { code, stderr } = await party(["sign", "--json"], envOf("1"));
    assert.equal(code, 2);
    assert.deepEqual(Object.keys(JSON.parse(stderr).error), ["problem", "detail", "exit_code"]);
    const shown = JSON.parse((await party(["info", "--json"], envOf("1"))).stdout);
    assert.equal(shown.party, 1);
    assert.equal(shown.card, cards[0]);
    assert.deepEqual(shown.keys, []);
    assert.equal(shown.threads.used, 1);
  });
});
