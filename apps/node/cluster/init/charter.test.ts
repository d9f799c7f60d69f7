/** From cards to a charter that everybody signed: each step, and everything that it refuses. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { charterHash, signedCharterCodec, type Charter } from "@conclave/consensus";
import { readCard, readCharter, readMembership, nodeFolderAt } from "../node-folder.ts";
import { printToken } from "../tokens.ts";
import { finish } from "./finish.ts";
import { fingerprintOf, isFingerprint } from "./fingerprint.ts";
import { readSignature, writeSignature } from "./signature-file.ts";
import { signDraft } from "./sign.ts";
import { parseFingerprint } from "./testing/fingerprints.ts";
import { cardsOf, copyFounders, damage, draft, makeFounders, signAll, type Founder } from "./testing/founders.ts";
import { temporary } from "./testing/operators.ts";
import { writeStranger } from "./testing/strangers.ts";
import { refused } from "./testing/refused.ts";

type Three = readonly [Founder, Founder, Founder];

const { path: root, remove } = temporary();
after(remove);
let made: Three;
/** Of the same cluster by its own word, and of none that the others know. */
const strangers = {
  beta: writeStranger(join(root, "strangers"), "beta"),
  mallory: writeStranger(join(root, "strangers"), "mallory"),
  delta: writeStranger(join(root, "strangers"), "delta", { cluster: "test" }),
};
let copies = 0;

before(async () => {
  made = (await makeFounders(join(root, "made"), ["alpha", "beta", "gamma"])) as unknown as Three;
});

const fresh = (): Three => copyFounders(made, join(root, `copy-${copies++}`)) as unknown as Three;

describe("init charter", () => {
  test("gives every operator the same fingerprint for the same cards and genesis", () => {
    const [alpha, beta, gamma] = fresh();
    const first = draft([alpha, beta, gamma]);
    const other = draft([gamma, alpha, beta], { genesis: "2026-11-20T10:00Z" });
    assert.equal(parseFingerprint(other.said), parseFingerprint(first.said));
    const { charter, signatures } = readCharter(first.file);
    assert.deepEqual(
      [charter.threshold, charter.quorum, charter.transport, charter.network],
      [3, 3, "quic", "regtest"],
    );
    assert.equal(charter.genesisMs, Date.parse("2026-11-20T10:00:00Z"), "rounded down to the minute");
    assert.deepEqual(
      charter.roster.nodes.map(({ name }) => name),
      ["alpha", "beta", "gamma"],
    );
    assert.deepEqual(signatures, []);
    for (const { id, name } of charter.roster.nodes)
      assert.ok(
        first.said.some((line) => line.endsWith(`${name.padEnd(5)}  ${id}`)),
        name,
      );
  });

  test("written again the same is the same draft; another one does not overwrite it", () => {
    const founders = fresh();
    const first = draft(founders);
    const text = readFileSync(first.file, "utf8");
    draft(founders, { nowMs: Date.parse("2026-11-20T11:30:00Z") });
    assert.equal(readFileSync(first.file, "utf8"), text);
    assert.throws(
      () => draft(founders, { transport: "relay" }),
      refused("FileUnusable", /holds another draft \([0-9a-f ]{79}\)/),
    );
    assert.equal(readFileSync(first.file, "utf8"), text);
    const out = join(root, "other.charter");
    assert.notEqual(parseFingerprint(draft(founders, { transport: "relay", out }).said), parseFingerprint(first.said));
  });

  const wrong = (words: RegExp, wish: Parameters<typeof draft>[1], name = "WrongUsage"): void => {
    const founders = fresh();
    assert.throws(() => draft(founders, wish), refused(name, words));
    assert.ok(!existsSync(join(founders[0].dir, "public", "prod.charter")));
  };

  test("refuses numbers under which a payment could be made twice, and cards that make no cluster", () => {
    wrong(/threshold 2 and vote quorum 1 are not safe for 3 nodes.*a quorum of 2 to 3 would do/, {
      threshold: 2,
      quorum: 1,
    });
    wrong(/threshold 4 .* not safe/, { threshold: 4 });
    wrong(/a cluster has at least two/, { cards: [] });
    wrong(
      /delta's card is for the cluster test, and this node is of prod/,
      { cards: [strangers.delta] },
      "FileUnusable",
    );
    wrong(/two nodes call themselves beta/, { cards: [made[1].card, strangers.beta] }, "FileUnusable");
    wrong(
      /of alpha, beta, gamma names no address for libp2p.*"advertise_libp2p"/,
      { transport: "libp2p" },
      "FileUnusable",
    );
    const damaged = join(root, "damaged.card");
    copyFileSync(made[1].card, damaged);
    damage(damaged);
    wrong(/damaged.card is not signed by the node that it speaks of/, { cards: [damaged] }, "FileUnusable");
    wrong(/nowhere.card is not there/, { cards: [join(root, "nowhere.card")] }, "FileUnusable");
  });

  test("refuses a genesis that is no time, or still to come", () => {
    for (const genesis of ["today", "2026-11-20", "2026-11-20T10:00", "2026-13-01T00:00Z"])
      wrong(/--genesis is a time in UTC such as 2026-11-20T10:00:00.000Z/, { genesis });
    wrong(/is still to come/, { genesis: "2026-11-20T10:01Z" });
  });
});

describe("a fingerprint", () => {
  test("is compared whole, however it was written down", () => {
    const { charter } = readCharter(draft(fresh()).file);
    const typed = fingerprintOf(charter);
    assert.equal(typed.replaceAll(" ", ""), Buffer.from(charterHash(charter)).toString("hex"));
    for (const form of [typed, typed.toUpperCase(), typed.replaceAll(" ", ":"), typed.replaceAll(" ", "\n")])
      assert.ok(isFingerprint(charter, form), form);
    assert.ok(
      !isFingerprint(
        charter,
        typed.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
      ),
    );
    for (const form of ["", typed.slice(0, -1), `${typed}0`, `g${typed.slice(1)}`])
      assert.throws(() => isFingerprint(charter, form), refused("WrongUsage", /all 64 digits/));
  });
});

describe("init sign", () => {
  const sign = (founder: Founder, file: string, more: Partial<Parameters<typeof signDraft>[0]> = {}) =>
    signDraft({ dir: founder.dir, draft: file, cards: cardsOf(made), yes: true, say: () => {}, ...more });

  /** A charter as a dishonest author could write it. */
  const forged = (change: (charter: Charter) => Charter): string => {
    const { charter } = readCharter(draft(fresh()).file);
    const file = join(root, `forged-${copies++}.charter`);
    writeFileSync(file, printToken("charter", signedCharterCodec.encode({ charter: change(charter), signatures: [] })));
    return file;
  };
  const fingerprintIn = (file: string): string => fingerprintOf(readCharter(file).charter);

  test("shows what is signed before anything is, and needs the whole fingerprint where nobody can be asked", async () => {
    const [alpha, ...rest] = fresh();
    const { file, said } = draft([alpha, ...rest]);
    const shown: string[] = [];
    const say = (line: string): void => void shown.push(line);
    await assert.rejects(
      sign(alpha, file, { yes: false, say }),
      refused("WrongUsage", /no terminal to ask at: add --yes/),
    );
    assert.deepEqual(shown, said.slice(0, shown.length));
    assert.ok(isFingerprint(readCharter(file).charter, parseFingerprint(shown)));
    await assert.rejects(sign(alpha, file), refused("WrongUsage", /--yes needs --fingerprint/));
    await assert.rejects(sign(alpha, file, { fingerprint: "abcd" }), refused("WrongUsage", /all 64 digits/));
    const other = "0".repeat(64);
    await assert.rejects(
      sign(alpha, file, { fingerprint: other }),
      refused("FileUnusable", /do not sign it, and ask who wrote it/),
    );
    assert.ok(!existsSync(alpha.signature));
    assert.ok(!existsSync(join(alpha.dir, "cards")));
  });

  test("refuses a charter of other nodes than those whose cards came from their operators", async () => {
    const [alpha, beta, gamma] = fresh();
    const { file } = draft([alpha, beta, gamma]);
    const fingerprint = fingerprintIn(file);
    const with_ = (cards: readonly string[]) => sign(alpha, file, { cards, fingerprint });
    await assert.rejects(
      with_([]),
      refused("FileUnusable", /names beta, gamma, of whom no card was given: ask their operators/),
    );
    await assert.rejects(
      with_([beta.card, strangers.beta, gamma.card]),
      refused("FileUnusable", /two nodes call themselves beta/),
    );
    // The author put a node of its own in beta's place.
    await assert.rejects(
      with_([strangers.beta, gamma.card]),
      refused("FileUnusable", /beta's card is of a node that the roster does not name/),
    );
    await assert.rejects(
      with_([...cardsOf(made), strangers.mallory]),
      refused("FileUnusable", /mallory's card is of a node that the roster does not name/),
    );
    const without = draft([beta, gamma]).file;
    await assert.rejects(sign(alpha, without), refused("FileUnusable", /does not name this node, alpha/));
    assert.ok(!existsSync(alpha.signature));
  });

  test("refuses a charter that changes a node's vote key, or has numbers that are not safe", async () => {
    const [alpha] = fresh();
    const keys = forged((charter) => {
      const [a, b, c] = charter.roster.nodes as [Charter["roster"]["nodes"][0], ...Charter["roster"]["nodes"]];
      return {
        ...charter,
        roster: { ...charter.roster, nodes: [a, { ...b!, voteKey: readCard(strangers.beta).card.voteKey }, c!] },
      };
    });
    await assert.rejects(sign(alpha, keys), refused("FileUnusable", /beta's card contradicts the roster/));
    const unsafe = forged((charter) => ({ ...charter, threshold: 3, quorum: 2 }));
    await assert.rejects(sign(alpha, unsafe), refused("FileUnusable", /not safe for 3 nodes/));
  });

  test("over relays needs one in the node's own settings", async () => {
    const founders = fresh();
    const { file, said } = draft(founders, { transport: "relay" });
    const fingerprint = parseFingerprint(said);
    await assert.rejects(
      sign(founders[0], file, { fingerprint }),
      refused("FileUnusable", /"relays" in .*config.json names none/),
    );
  });

  test("signs one charter only, and the same one again without another word", async () => {
    const [alpha, beta, gamma] = fresh();
    const first = draft([alpha, beta, gamma]);
    const fingerprint = parseFingerprint(first.said);
    await sign(alpha, first.file, { fingerprint });
    const text = readFileSync(alpha.signature, "utf8");
    assert.match((await sign(alpha, first.file, { fingerprint }))[0]!, /^Signed before/);
    assert.equal(readFileSync(alpha.signature, "utf8"), text);
    const other = draft([beta, alpha, gamma], { genesis: "2026-11-19T00:00Z" });
    await assert.rejects(
      sign(alpha, other.file, { fingerprint: parseFingerprint(other.said) }),
      refused("FileUnusable", /signs another charter .*if all operators gave that one up, move the file away/),
    );
    assert.equal(readFileSync(alpha.signature, "utf8"), text);
  });
});

describe("init finish", () => {
  let signed: Three;
  let file: string;
  let signatures: readonly string[];

  before(async () => {
    signed = fresh();
    const drafted = draft(signed);
    file = drafted.file;
    signatures = await signAll(signed, file, drafted.said);
  });

  const copied = (): Three => copyFounders(signed, join(root, `copy-${copies++}`)) as unknown as Three;

  /** Refused, and nothing written. */
  const wrong = ({ dir }: Founder, given: readonly string[], words: RegExp): void => {
    assert.throws(() => finish({ dir, draft: file, signatures: given }), refused("FileUnusable", words));
    assert.ok(!existsSync(join(dir, "charter")));
  };

  test("with all signatures founds the node, and says what is missing for QUIC; again it changes nothing", () => {
    const [alpha] = copied();
    const said = finish({ dir: alpha.dir, draft: file, signatures });
    assert.match(said[0]!, /^alpha belongs to the cluster prod: all 3 nodes signed/);
    assert.match(said.join("\n"), /Missing: alpha's certificate. Send .*alpha.csr/);
    const { charter, cards } = readMembership(nodeFolderAt(alpha.dir));
    assert.equal(cards.size, 3);
    assert.deepEqual(charterHash(charter), charterHash(readCharter(file).charter));
    const text = readFileSync(join(alpha.dir, "charter"), "utf8");
    finish({ dir: alpha.dir, draft: file, signatures });
    assert.equal(readFileSync(join(alpha.dir, "charter"), "utf8"), text);
  });

  test("names whose signature or card is missing", () => {
    const [alpha, beta] = copied();
    wrong(alpha, [], /the signatures of beta, gamma are missing/);
    wrong(alpha, [beta.signature, beta.signature], /the signatures of gamma are missing/);
    // Such as an earlier draft named, whose author gave it up.
    copyFileSync(strangers.mallory, join(alpha.dir, "cards", "mallory.card"));
    wrong(alpha, signatures, /holds a card of mallory, a node that the charter does not name: move it away/);
    rmSync(join(alpha.dir, "cards"), { recursive: true });
    wrong(alpha, signatures, /the cards of beta, gamma are missing: run "conclave init add-card/);
    rmSync(beta.signature);
    wrong(beta, signatures, /beta.signature is not there: run "conclave init sign/);
  });

  test("refuses signatures that are damaged, foreign, or on another charter, naming the file or the signer", () => {
    const [alpha, beta, gamma] = copied();
    const good = readSignature(beta.signature);
    const given = [beta.signature, gamma.signature];
    const flipped = good.signature.with(10, good.signature[10]! ^ 1);
    writeSignature(beta.signature, { ...good, signature: flipped });
    wrong(alpha, given, /beta signed another charter: compare/);
    writeSignature(beta.signature, { ...good, signature: readSignature(gamma.signature).signature });
    wrong(alpha, given, /beta signed another charter: compare/);
    writeSignature(beta.signature, { ...good, charter: good.charter.with(0, good.charter[0]! ^ 1) });
    wrong(alpha, given, /beta.signature: beta signed another charter \(.*everybody signs the same draft/);
    writeSignature(beta.signature, { ...good, node: "ab".repeat(32) as typeof good.node });
    wrong(alpha, given, /beta.signature is of a node that the charter does not name/);
    writeFileSync(beta.signature, readFileSync(beta.card));
    wrong(alpha, given, /beta.signature cannot be read: this is no signature/);
    wrong(alpha, [join(root, "none")], /none is not there/);
  });

  test("leaves a node where it is that belongs to another cluster", async () => {
    const [alpha, beta, gamma] = copied();
    finish({ dir: alpha.dir, draft: file, signatures });
    const other = draft([beta, alpha, gamma], { genesis: "2026-11-19T00:00Z", out: join(root, "second.charter") });
    rmSync(alpha.signature);
    await assert.rejects(
      signDraft({
        dir: alpha.dir,
        draft: other.file,
        cards: cardsOf(signed),
        yes: true,
        say: () => {},
        fingerprint: parseFingerprint(other.said),
      }),
      refused("FileUnusable", /is of a cluster already, by the charter/),
    );
    assert.throws(
      () => finish({ dir: alpha.dir, draft: other.file, signatures: [] }),
      refused("FileUnusable", /charter is another charter, [0-9a-f ]{79}: it stays as it is/),
    );
    assert.equal(readMembership(nodeFolderAt(alpha.dir)).charter.genesisMs, Date.parse("2026-11-20T10:00:00Z"));
  });
});
