/** Evidence as a file: judged with nothing else at hand, and every change of it is noticed. */
import { fromHex, toHex } from "@conclave/bytes";
import { doubleVoteEvidence, evidenceCodec, rosterCodec } from "@conclave/consensus";
import { nodeEngine } from "@conclave/engine-node";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  contentCodec,
  EvidenceFileRefused,
  NOT_PROVEN,
  signedBytes,
  verifyEvidenceFile,
  type Content,
} from "./evidence-file.ts";
import { Cluster, ecdsa, taproot } from "./testing/cluster.ts";
import { LIAR, proposed, voteBy } from "./testing/suspects.ts";

const judges = { engine: nodeEngine, schemes: [taproot, ecdsa] };
const exported = (cluster: Cluster, party = 2): { readonly cases: number; readonly file: string } => {
  let found = { cases: 0, file: "" };
  cluster.do(party, (custody, nowMs) => {
    found = custody.exportEvidence(nowMs);
    return [];
  });
  return found;
};

/** A cluster in which party 5 voted twice and filled one slot twice. */
function liarsCluster(): Cluster {
  const { cluster, paid } = proposed();
  for (const value of [true, false]) cluster.deliver(2, voteBy(cluster, LIAR, paid, { value, round: 3 }));
  cluster.nowMs += 86_400_001;
  const fields = { kind: "setup" as const, request: paid.id, attempt: 9, round: "1.1" };
  for (const fill of [7, 8]) cluster.deliver(2, cluster.forge(LIAR, fields, new Uint8Array(4).fill(fill)));
  cluster.pump();
  return cluster;
}

const cluster = liarsCluster();
const { file } = exported(cluster);

const refused = (text: string): EvidenceFileRefused["code"] | null => {
  try {
    verifyEvidenceFile(judges, text);
    return null;
  } catch (error) {
    assert.ok(error instanceof EvidenceFileRefused, String(error));
    return error.code;
  }
};

interface FileShape {
  content: string;
  signature: string;
  [field: string]: unknown;
}
const parsed = (): FileShape => JSON.parse(file) as FileShape;

/** The same with one of its words another, for every word, name and list there is. */
function* changedWords(value: unknown): Generator {
  if (typeof value === "string") yield `${value.slice(0, -1)}${value.endsWith("0") ? "1" : "0"}`;
  if (Array.isArray(value)) {
    yield [...(value as readonly unknown[]), "more"];
    for (let i = 0; i < value.length; i++) {
      yield value.toSpliced(i, 1);
      for (const changed of changedWords(value[i])) yield value.with(i, changed);
    }
  } else if (typeof value === "object" && value !== null) {
    yield { ...value, more: 1 };
    for (const [name, inner] of Object.entries(value)) {
      yield Object.fromEntries(Object.entries(value).filter(([other]) => other !== name));
      for (const changed of changedWords(inner)) yield { ...value, [name]: changed };
    }
  }
}

const printed = (shape: object): string => `${JSON.stringify(shape, null, 2)}\n`;

describe("a file of evidence", () => {
  test("says who did what, where, when it was first seen, and what it does not prove", () => {
    const { roster, exporter, cases } = verifyEvidenceFile(judges, file);
    assert.deepEqual([roster.cluster, exporter], ["local", "node02"]);
    assert.deepEqual(
      cases.map(({ name, kind }) => [name, kind]),
      [
        ["node05", "DoubleVote"],
        ["node05", "Equivocation"],
      ],
    );
    assert.match(cases[0]!.description, /two different votes on request [0-9a-f]{64}, revision 1, round 3: /);
    assert.match(
      cases[1]!.description,
      /two different messages in one place: setup, round 1\.1 of request .*attempt 9/,
    );
    assert.equal(cases[1]!.seenAtMs - cases[0]!.seenAtMs, 86_400_001);
    assert.deepEqual(parsed()["does_not_prove"], NOT_PROVEN);
  });

  test("of a node that convicted nobody holds nothing, and is sound", () => {
    const { cases, file: empty } = exported(new Cluster({ n: 2, t: 2 }));
    assert.equal(cases, 0);
    assert.deepEqual(verifyEvidenceFile(judges, empty).cases, []);
  });

  test("outlives a restart: the convictions and their times are in the journal", () => {
    cluster.restart(2);
    const again = verifyEvidenceFile(judges, exported(cluster).file);
    assert.deepEqual(again.cases, verifyEvidenceFile(judges, file).cases);
  });

  test("changed in any of its words is refused", () => {
    let count = 0;
    for (const change of changedWords(parsed()) as Iterable<object>) {
      const code = refused(printed(change));
      assert.ok(code !== null, JSON.stringify(change).slice(0, 200));
      count += 1;
    }
    console.log(`words of a file of evidence: ${count} changes, all refused`);
    assert.ok(count > 20);
    for (const text of [
      file.trimEnd(),
      ` ${file}`,
      file.replace("{\n", "{\n\n"),
      file.replace('"cluster"', '"claster"'),
    ])
      assert.equal(refused(text), "altered");
  });

  test("changed in any byte of its content, with the old signature, is refused", () => {
    const { content } = parsed();
    const bytes = fromHex(content);
    let count = 0;
    // Every seventh byte and the first ones: each costs some signatures to judge.
    for (let at = 0; at < bytes.length; at += at < 40 ? 1 : 7) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 1;
      assert.ok(refused(printed({ ...parsed(), content: toHex(changed) })) !== null, `byte ${at}`);
      count += 1;
    }
    console.log(`content of a file of evidence: ${count} of ${bytes.length} bytes changed, all refused`);
  });

  test("with a claim that does not hold is refused, though its exporter signs it", () => {
    const content = contentCodec.decode(fromHex(parsed().content));
    const [first, second] = content.cases;
    const votes = evidenceCodec.decode(first!.evidence);
    assert.ok(votes.kind === "DoubleVote");
    const unsigned = { ...votes.second, signature: new Uint8Array(64) };
    const inOrder = doubleVoteEvidence({ first: votes.first, second: unsigned });
    const { roster: others } = new Cluster({ n: 3, t: 2, seed: "others" });
    const of = (...evidence: readonly Uint8Array[]): Content["cases"] =>
      evidence.map((each) => ({ evidence: each, seenAtMs: 1 }));
    const claims: readonly (readonly [string, Partial<Content>, EvidenceFileRefused["code"]])[] = [
      ["one vote is not signed", { cases: of(evidenceCodec.encode(inOrder)) }, "unproven"],
      ["evidence is cut", { cases: of(second!.evidence.subarray(1)) }, "unproven"],
      ["the roster is another", { roster: rosterCodec.encode(others), exporter: others.nodes[0]!.id }, "unproven"],
      ["the roster does not name the exporter", { roster: rosterCodec.encode(others), cases: [] }, "forged"],
      ["the roster is cut", { roster: content.roster.subarray(1) }, "unreadable"],
      ["another exporter is named", { exporter: cluster.idOf(3) }, "forged"],
      // Its signature is good and so are its cases; its words are those of the file before.
      ["a case is left out", { cases: [first!] }, "altered"],
      ["a time is another", { exportedAtMs: content.exportedAtMs + 1 }, "altered"],
    ];
    for (const [name, change, code] of claims) {
      const bytes = contentCodec.encode({ ...content, ...change });
      const signature = cluster.node(2).identity.envelope.sign(signedBytes(bytes));
      assert.equal(refused(printed({ ...parsed(), content: toHex(bytes), signature: toHex(signature) })), code, name);
    }
  });

  test("that is none is refused, saying so", () => {
    const cases = [
      "",
      "x",
      "null",
      "[]",
      "7",
      "{}",
      printed({ ...parsed(), content: 7 }),
      printed({ ...parsed(), signature: "00" }),
    ];
    for (const text of cases) assert.equal(refused(text), "unreadable", text.slice(0, 40));
  });

  test("signed by another node than it names is refused", () => {
    const content = fromHex(parsed().content);
    const signature = cluster.node(3).identity.envelope.sign(signedBytes(content));
    assert.equal(refused(printed({ ...parsed(), signature: toHex(signature) })), "forged");
  });
});
