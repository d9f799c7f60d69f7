import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toHex, utf8 } from "@conclave/bytes";
import {
  parseNodeId,
  signCheckpoint,
  verifyCheckpoint,
  type NodeId,
  type Roster,
  type SignedCheckpoint,
} from "@conclave/consensus";
import { portableEngine as engine } from "@conclave/crypto";
import { memoryStore } from "../testing/memory-store.ts";
import { checkpointAt, checkpointDue, checkpointRow, judgeCheckpoint } from "./audit-checkpoints.ts";
import { digestAfter, EMPTY_DIGEST, exportLines, MAX_EXPORT_LINE, parseLine, printLine } from "./audit-export.ts";
import { verifyExport, type ExportExpectations, type ExportVerdict } from "./audit-verifier.ts";
import { auditHash, type AuditRow } from "./audit.ts";

const signers = ["a", "b", "c", "d"].map((name) => engine.ed25519Signer(engine.sha256(utf8(`identity of ${name}`))));
const voters = ["a", "b", "c", "d"].map((name) => engine.ed25519Signer(engine.sha256(utf8(`votes of ${name}`))));
const ids = signers.map(({ publicKey }) => parseNodeId(toHex(publicKey)));
const roster: Roster = {
  cluster: "test",
  version: 1,
  nodes: ids.map((id, i) => ({ id, name: `node-${i}`, voteKey: voters[i]!.publicKey })),
};
const SELF = ids[0]!;
const verify: ExportExpectations["verify"] = (of, signed) => verifyCheckpoint(engine, of, signed);
const NOW = 1_763_632_800_000;

type Head = { readonly position: number; readonly hash: string };
const cosigned = (i: number, head: Head, node: NodeId = SELF, cluster = "test"): SignedCheckpoint =>
  signCheckpoint(signers[i]!, ids[i]!, checkpointAt(head, { cluster, node, nowMs: NOW }));

/** A log of `entries`, confirmed at the given positions by the given nodes. */
async function logOf(entries: number, confirmed: Readonly<Record<number, readonly number[]>> = {}) {
  const store = memoryStore();
  for (let n = 1; n <= entries; n++) {
    const detail = { n, note: 'quoted " \u2028 ü', nothing: null, 7: true };
    const head = await store.audit.append({ atMs: NOW + n, actor: "node", action: "tick", subject: "s", detail });
    for (const i of confirmed[n] ?? []) await store.audit.keepCheckpoint(checkpointRow(cosigned(i, head)));
  }
  return store;
}

async function exported(store: Awaited<ReturnType<typeof logOf>>): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of exportLines({ node: SELF, roster }, store.audit)) lines.push(line);
  return lines;
}

/** The lines with a last line that fits them, as whoever forges a file would write it. */
function sealed(lines: readonly string[]): string[] {
  const kept = lines.filter((line) => !line.includes('"digest"'));
  const parsed = kept.map((line) =>
    line.includes('"format"') ? "header" : line.includes('"signer"') ? "checkpoint" : "entry",
  );
  const seal = {
    entries: parsed.filter((kind) => kind === "entry").length,
    checkpoints: parsed.filter((kind) => kind === "checkpoint").length,
    digest: kept.reduce(digestAfter, EMPTY_DIGEST),
  };
  return [...kept, printLine({ kind: "seal", seal })];
}

const reasonOf = (verdict: ExportVerdict): string => (verdict.intact ? "intact" : verdict.reason);

describe("an exported audit log", () => {
  it("is verified with what others confirmed of it", async () => {
    const store = await logOf(12, { 4: [1, 2, 3], 8: [2, 1], 11: [3] });
    const lines = await exported(store);
    assert.equal(lines.length, 1 + 12 + 6 + 1);
    const verdict = await verifyExport(lines, { verify, roster });
    assert(verdict.intact);
    assert.equal(verdict.node, SELF);
    assert.deepEqual(verdict.head, await store.audit.head());
    assert.deepEqual(
      new Map(verdict.confirmed.map(({ signer, position }) => [signer, position])),
      new Map([
        [ids[1], 8],
        [ids[2], 8],
        [ids[3], 11],
      ]),
    );
    assert.deepEqual(
      verdict.confirmed.map(({ position }) => position),
      [11, 8, 8],
    );
    assert.equal(verdict.proven, 8, "one liar among four is possible: two confirmations prove");
  });

  it("of an empty or never confirmed log is intact, and proves nothing", async () => {
    for (const entries of [0, 3]) {
      const verdict = await verifyExport(await exported(await logOf(entries)), { verify });
      assert(verdict.intact);
      assert.deepEqual([verdict.head.position, verdict.proven, verdict.confirmed], [entries, 0, []]);
    }
  });

  it("is longer than one page of entries and of checkpoints", async () => {
    const store = memoryStore();
    await store.transaction(async ({ audit }) => {
      for (let n = 1; n <= 501; n++) {
        const { hash } = await audit.append({ atMs: n, actor: "", action: "", subject: "", detail: {} });
        for (const signer of ids)
          await audit.keepCheckpoint({ node: SELF, position: n, hash, atMs: n, signer, signature: new Uint8Array(64) });
      }
    });
    const verdict = await verifyExport(await exported(store), { verify: () => true });
    assert(verdict.intact && verdict.proven === 501);
    assert.equal(verdict.confirmed.length, 3, "its own signature counts for nothing");
  });

  it("has lines that are written in one way only", async () => {
    const lines = await exported(await logOf(2, { 2: [1] }));
    for (const line of lines) assert.equal(printLine(parseLine(line, SELF)), line);
    const [header, entry, , checkpoint, seal] = lines as [string, string, string, string, string];
    for (const [text, reason] of [
      [entry.replace('{"position":1', '{ "position":1'), /not written as/],
      [entry.replace('"position":1', '"position":1.0'), /not written as/],
      [entry.replace('"position":1', '"position":"1"'), /position is not a whole number/],
      [entry.replace('"actor":"node"', '"actor":"n\\u006fde"'), /not written as/],
      [entry.replace('"actor":"node"', '"actor":7'), /actor is not text/],
      [entry.replace('"actor":"node",', ""), /actor is not text/],
      [entry.replace("}", ',"more":1}'), /not written as|not JSON/],
      [checkpoint.replace(/"signature":"[0-9a-f]{2}/, '"signature":"'), /signature is not 64 bytes/],
      [checkpoint.replace(/"signer":"[0-9a-f]{2}/, '"signer":"'), /a node id is/],
      [header.replace("/v1", "/v2"), /use the program that wrote it/],
      [header.replace(/"roster":"[0-9a-f]/, '"roster":"'), /roster is not in hexadecimal/],
      [seal.replace(/"digest":"[0-9a-f]/, '"digest":"'), /digest is not 64/],
      ["[1]", /not a line of an export/],
      ["null", /not a line of an export/],
      ["", /not JSON/],
    ] as const)
      assert.throws(() => parseLine(text, SELF), reason, text);
    assert.throws(() => parseLine(entry, null), /header is missing/);
  });

  describe("is refused, though sealed again, when", () => {
    const forgeries: Readonly<
      Record<string, readonly [forge: (lines: string[]) => readonly string[], reason: RegExp]>
    > = {
      "an entry is missing": [(lines) => lines.toSpliced(2, 1), /entry 3 where 2 is next/],
      "an entry stands twice": [(lines) => lines.toSpliced(2, 0, lines[2]!), /entry 2 where 3 is next/],
      "two entries changed places": [(lines) => lines.toSpliced(2, 2, lines[3]!, lines[2]!), /entry 3 where 2 is next/],
      "an entry was changed": [(lines) => lines.with(2, lines[2]!.replace("tick", "tock")), /content of entry 2/],
      "an entry was rehashed": [(lines) => lines.with(2, rehashed(lines[2]!)), /entry 3 does not follow/],
      "every entry was rehashed": [
        (lines) => rewritten(lines),
        /the log was rewritten: a checkpoint has another entry 4/,
      ],
      "entries were cut from under a checkpoint": [
        (lines) =>
          lines.toSpliced(
            lines.findLastIndex((line) => line.includes('"actor"')),
            1,
          ),
        /the log was cut: a checkpoint of 6 entries, and here are 5/,
      ],
      "a checkpoint was moved": [(lines) => moved(lines), /a checkpoint does not stand behind its entry/],
      "checkpoints changed places": [(lines) => swapped(lines), /not in order of their signers/],
      "a checkpoint stands twice": [
        (lines) => lines.toSpliced(firstCheckpoint(lines), 0, lines[firstCheckpoint(lines)]!),
        /not in order of their signers/,
      ],
      "a signature is another one": [
        (lines) => changedCheckpoint(lines, (line) => line.replace(/"signature":"[0-9a-f]{2}/, '"signature":"00')),
        /signature is not that of another node/,
      ],
      "a signature is of another time": [
        (lines) => changedCheckpoint(lines, (line) => line.replace(/"atMs":\d+/, '"atMs":1')),
        /signature is not that of another node/,
      ],
      "a signature is shown as another node's": [
        (lines) => changedCheckpoint(lines, (line) => line.replace(/"signer":"[0-9a-f]+"/, `"signer":"${ids[2]!}"`)),
        /signature is not that of another node|order of their signers/,
      ],
      "a second header follows": [(lines) => lines.toSpliced(1, 0, lines[0]!), /a second header/],
      "the header is missing": [(lines) => lines.slice(1), /the header is missing/],
    };
    for (const [what, [forge, reason]] of Object.entries(forgeries))
      it(what, async () => {
        const lines = await exported(await logOf(6, { 4: [1, 3], 6: [2] }));
        assert((await verifyExport(lines, { verify })).intact);
        const verdict = await verifyExport(sealed(forge(lines)), { verify });
        assert.match(reasonOf(verdict), reason);
      });

    const rows = (lines: readonly string[]) => lines.map((line) => parseLine(line, SELF));
    const rehashed = (line: string): string => {
      const parsed = parseLine(line, SELF);
      assert(parsed.kind === "entry");
      const row = { ...parsed.row, actor: "forger" };
      return printLine({ kind: "entry", row: { ...row, hash: auditHash(row) } });
    };
    const rewritten = (lines: readonly string[]): string[] => {
      let previous: AuditRow | null = null;
      return rows(lines).map((line) => {
        if (line.kind !== "entry") return printLine(line);
        const row = { ...line.row, actor: "forger", previous: previous?.hash ?? line.row.previous };
        previous = { ...row, hash: auditHash(row) };
        return printLine({ kind: "entry", row: previous });
      });
    };
    const firstCheckpoint = (lines: readonly string[]): number => lines.findIndex((line) => line.includes('"signer"'));
    const changedCheckpoint = (lines: string[], change: (line: string) => string): string[] =>
      lines.with(firstCheckpoint(lines), change(lines[firstCheckpoint(lines)]!));
    const swapped = (lines: string[]): string[] => {
      const at = firstCheckpoint(lines);
      return lines.toSpliced(at, 2, lines[at + 1]!, lines[at]!);
    };
    const moved = (lines: string[]): string[] => {
      const at = firstCheckpoint(lines);
      return lines.toSpliced(at, 3, lines[at + 2]!, lines[at]!, lines[at + 1]!);
    };
  });

  it("is refused with checkpoints of another node's log, of another cluster, of strangers and of its own node", async () => {
    const store = await logOf(3);
    const head = await store.audit.head();
    const stranger = engine.ed25519Signer(engine.sha256(utf8("stranger")));
    const strangerId = parseNodeId(toHex(stranger.publicKey));
    const checkpoint = checkpointAt(head, { cluster: "test", node: SELF, nowMs: NOW });
    for (const [signed, reason] of [
      [cosigned(1, head, ids[2]), /signature is not that/],
      [cosigned(1, head, SELF, "other"), /signature is not that/],
      [signCheckpoint(stranger, strangerId, checkpoint), /signature is not that/],
      [cosigned(0, head), /signed by the node whose log it is/],
    ] as const) {
      const { signer, signature } = signed;
      const row = { ...checkpointRow(cosigned(1, head)), signer, signature };
      const lines = await exported(store);
      const forged = sealed(lines.toSpliced(-1, 0, printLine({ kind: "checkpoint", checkpoint: row })));
      assert.match(reasonOf(await verifyExport(forged, { verify })), reason);
    }
  });

  it("is refused when it was cut or continued, at the line where that shows", async () => {
    const lines = await exported(await logOf(3, { 2: [1] }));
    for (let kept = 0; kept < lines.length; kept++) {
      const verdict = await verifyExport(lines.slice(0, kept), { verify });
      assert.match(reasonOf(verdict), kept === 0 ? /file is empty/ : /the file was cut/);
      assert(!verdict.intact && verdict.line === kept + 1);
    }
    assert.match(reasonOf(await verifyExport([...lines, lines[0]!], { verify })), /something follows/);
    assert.match(
      reasonOf(
        await verifyExport([...lines.slice(0, -1), lines.at(-1)!.replace('"entries":3', '"entries":2')], { verify }),
      ),
      /counts 2 entries/,
    );
    const other = (await exported(await logOf(3, { 2: [2] }))).at(-1)!;
    assert.match(reasonOf(await verifyExport([...lines.slice(0, -1), other], { verify })), /a line was changed/);
    const long = `{"format":"${"x".repeat(MAX_EXPORT_LINE)}"}`;
    assert.match(reasonOf(await verifyExport([long], { verify })), /too long/);
  });

  it("that was cut together with its checkpoints is refused by one that another node holds", async () => {
    const store = await logOf(5, { 3: [1, 2] });
    const whole = await exported(store);
    const held = cosigned(3, await store.audit.head());
    assert((await verifyExport(whole, { verify, known: [held] })).intact);
    const cut = sealed(whole.filter((line) => !/"position":[45]/.test(line)));
    assert((await verifyExport(cut, { verify })).intact, "nothing inside shows it");
    assert.match(
      reasonOf(await verifyExport(cut, { verify, known: [held] })),
      /the log was cut: another node confirmed 5/,
    );
    const forked = await exported(await logOf(5));
    const other = cosigned(3, { position: 4, hash: "ab".repeat(32) });
    assert.match(
      reasonOf(await verifyExport(forked, { verify, known: [other] })),
      /the log was rewritten: another node/,
    );
    for (const bad of [cosigned(0, await store.audit.head()), { ...held, signature: new Uint8Array(64) }])
      assert.match(reasonOf(await verifyExport(whole, { verify, known: [bad] })), /not another node's good signature/);
  });

  it("is refused with another roster than the reader's, and for a node that is in none", async () => {
    const lines = await exported(await logOf(1));
    assert.match(
      reasonOf(await verifyExport(lines, { verify, roster: { ...roster, version: 2 } })),
      /other nodes than the roster/,
    );
    const header = { node: ids[3]!, roster: { ...roster, nodes: roster.nodes.slice(0, 3) } };
    assert.match(reasonOf(await verifyExport([printLine({ kind: "header", header })], { verify })), /of no node/);
  });

  it("shows that the store was cut under what others confirmed", async () => {
    const store = await logOf(5, { 5: [1] });
    store.tamper((rows) => rows.splice(3));
    assert.match(reasonOf(await verifyExport(await exported(store), { verify })), /the log was cut: a checkpoint of 5/);
  });
});

describe("a checkpoint", () => {
  it("is due after many entries, or after a while if there is any", () => {
    const head = (position: number) => ({ position, hash: "00".repeat(32) });
    assert(!checkpointDue(head(0), null, NOW));
    assert(checkpointDue(head(1), null, NOW));
    const last = { position: 10, atMs: NOW };
    assert(!checkpointDue(head(10), last, NOW + 10 * 600_000));
    assert(!checkpointDue(head(11), last, NOW + 599_999));
    assert(checkpointDue(head(11), last, NOW + 600_000));
    assert(!checkpointDue(head(509), last, NOW));
    assert(checkpointDue(head(510), last, NOW));
  });

  it("is confirmed if it continues what was confirmed before, and refused with the reason otherwise", () => {
    const checkpoint = checkpointAt(
      { position: 5, hash: "0a".repeat(32) },
      { cluster: "test", node: SELF, nowMs: NOW },
    );
    const judge = (changes: Partial<typeof checkpoint>, last: Head | null = null, self = ids[1]!) =>
      judgeCheckpoint({ ...checkpoint, ...changes }, { roster, self, last, nowMs: NOW });
    assert.equal(judge({}), "confirm");
    assert.equal(judge({}, { position: 4, hash: "0b".repeat(32) }), "confirm");
    assert.equal(judge({}, { position: 5, hash: "0a".repeat(32) }), "confirm");
    assert.equal(judge({}, { position: 5, hash: "0b".repeat(32) }), "forked");
    assert.equal(judge({}, { position: 6, hash: "0b".repeat(32) }), "back");
    assert.equal(judge({ cluster: "other" }), "foreign");
    assert.equal(judge({ node: ids[1]! }), "foreign");
    assert.equal(judge({ node: parseNodeId("ab".repeat(32)) }), "foreign");
    assert.equal(judge({ atMs: NOW - 300_001 }), "clock");
    assert.equal(judge({ atMs: NOW + 300_001 }), "clock");
  });
});
