/** `conclave evidence verify`: from bytes on disk to a verdict and an exit code, with no node anywhere. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, mock, test } from "node:test";
import { defaultFeePolicy, NO_SPENDING_LIMITS } from "@conclave/bitcoin";
import {
  charterHash,
  doubleVoteEvidence,
  evidenceCodec,
  rosterHash,
  signedCharterCodec,
  signVote,
  type Charter,
  type Roster,
  type Vote,
} from "@conclave/consensus";
import { seededRng } from "@conclave/crypto/testing";
import { createIdentity, Custody, rosterEntry, type CustodySettings } from "@conclave/custody";
import { memoryJournal, memoryVault, sealEnvelope } from "@conclave/custody/testing";
import { printToken } from "../cluster/tokens.ts";
import { engine } from "../engine.ts";
import { main } from "./main.ts";

const folder = mkdtempSync(join(tmpdir(), "conclave-evidence-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Four nodes, of which the last one votes twice. */
function nodesOf(seed: string) {
  const vaults = [1, 2, 3, 4].map(() => memoryVault());
  const identities = vaults.map((vault, i) => createIdentity(engine, vault, seededRng(`${seed}/${i}`)));
  const roster: Roster = {
    cluster: "local",
    version: 1,
    nodes: identities.map((identity, i) => rosterEntry(identity, `node0${i + 1}`)),
  };
  return { vaults, identities, roster };
}
const { vaults, identities, roster } = nodesOf("evidence");

/** What the second node exports after the first told it of the liar. */
function exported(): string {
  const settings: CustodySettings = {
    roster,
    network: "regtest",
    threshold: 3,
    quorum: 3,
    rawDigests: false,
    presigning: true,
    spending: NO_SPENDING_LIMITS,
    minorityVotes: "record",
    policy: { fees: defaultFeePolicy.regtest, maxInputs: 20, minConfirmations: 1, maxLocktimeAhead: 10 },
    burialDepth: 3,
  };
  const parts = {
    engine,
    vault: vaults[1]!,
    journal: memoryJournal(),
    rng: seededRng("custody"),
    schemes: [],
    settings,
  };
  const custody = new Custody(parts);
  const liar = identities[3]!;
  const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  const cast: Vote = {
    domain: "conclave/vote/v1",
    cluster: "local",
    network: "regtest",
    wallet: bytes(1),
    request: bytes(2),
    revision: 1,
    digest: bytes(3),
    round: 3,
    policy: bytes(4),
    epoch: 0,
    fromHeight: 0,
    toHeight: 9,
    generation: 1,
    voter: liar.id,
    value: true,
  };
  const [first, second] = [true, false].map((value) => signVote(liar.vote, { ...cast, value }));
  const body = evidenceCodec.encode(doubleVoteEvidence({ first: first!, second: second! }));
  custody.receive(1, sealEnvelope(identities[0]!, rosterHash(roster), { kind: "evidence" }, body).wire);
  return custody.exportEvidence(2).file;
}
const text = exported();

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const evidence = file("evidence.json", text);

/** A charter of such nodes, signed by all of them but the first `missing`. */
function charterOf(of: ReturnType<typeof nodesOf>, { missing = 0 } = {}): string {
  const charter: Charter = {
    version: 1,
    roster: of.roster,
    network: "regtest",
    threshold: 3,
    quorum: 3,
    genesisMs: 1,
    transport: "quic",
  };
  const signatures = of.identities
    .slice(missing)
    .map(({ id, envelope }) => ({ node: id, signature: envelope.sign(charterHash(charter)) }));
  return printToken("charter", signedCharterCodec.encode({ charter, signatures }));
}
const own = { vaults, identities, roster };

/** Runs the command; what it printed. */
async function run(
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const out = mock.method(console, "log", () => undefined);
  const err = mock.method(console, "error", () => undefined);
  try {
    const code = await main(argv);
    const printed = (spy: typeof out): string => spy.mock.calls.map(({ arguments: [line] }) => String(line)).join("\n");
    return { code, out: printed(out), err: printed(err) };
  } finally {
    out.mock.restore();
    err.mock.restore();
  }
}

describe("evidence verify", () => {
  test("says who, what, where, and what it does not prove", async () => {
    const { code, out } = await run("verify", evidence);
    assert.equal(code, 0);
    assert.match(out, /^Evidence of the cluster local, roster [0-9a-f]{16}…\nExported by node02 at 1970-/);
    assert.match(
      out,
      /\n1\. node04, DoubleVote: signed two different votes on request [0-9a-f]{64}, revision 1, round 3/,
    );
    assert.match(out, /\nWhat it does not prove:\n- When it happened/);
    assert.match(out, /- That this roster is your cluster's/);
  });

  test("prints a verdict that programs read", async () => {
    const { code, out } = await run("verify", evidence, "--json");
    assert.equal(code, 0);
    const verdict = JSON.parse(out) as { valid: boolean; cases: { node: string; violation: string }[] };
    assert.deepEqual([verdict.valid, verdict.cases.length], [true, 1]);
    assert.deepEqual([verdict.cases[0]?.node, verdict.cases[0]?.violation], ["node04", "DoubleVote"]);
  });

  test("compares the roster with a charter that all nodes signed", async () => {
    const charter = file("charter", charterOf(own));
    const { code, out } = await run("verify", evidence, "--charter", charter);
    assert.equal(code, 0);
    assert.match(out, /as in your charter/);
    assert.doesNotMatch(out, /That this roster is your cluster's/);
    const refused = await run("verify", evidence, "--charter", file("others", charterOf(nodesOf("others"))));
    assert.equal(refused.code, 1);
    assert.match(refused.err, /says nothing about your nodes/);
  });

  test("ends with 1 for a file that was changed, and names what is wrong with it", async () => {
    const changed = await run("verify", file("changed.json", text.replace("node04", "node03")), "--json");
    assert.equal(changed.code, 1);
    assert.match(changed.err, /"problem":"evidence-altered"/);
    const cut = await run("verify", file("cut.json", text.slice(0, -20)));
    assert.equal(cut.code, 1);
    assert.match(cut.err, /^conclave: this is no file of evidence/);
  });

  test("ends with 2 for what was typed wrong: no file, no charter, an unsigned one, an unknown option", async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["verify", join(folder, "none")], /cannot be read/],
      [["verify", evidence, "--charter", join(folder, "none")], /is not there/],
      [["verify", evidence, "--charter", evidence], /evidence.json cannot be read/],
      [["verify", evidence, "--charter", file("unsigned", charterOf(own, { missing: 1 }))], /is not signed by node01/],
    ];
    for (const [argv, words] of cases) {
      const { code, err } = await run(...argv);
      assert.equal(code, 2, argv.join(" "));
      assert.match(err, words);
    }
  });
});
