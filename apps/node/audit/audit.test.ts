import assert from "node:assert/strict";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CodecError, toHex, utf8 } from "@conclave/bytes";
import {
  parseNodeId,
  signCharter,
  signCheckpoint,
  signedCharterCodec,
  verifyCheckpoint,
  type Charter,
  type Roster,
} from "@conclave/consensus";
import { checkpointAt, checkpointRow, exportLines, verifyExport, type CheckpointVerifier } from "@conclave/node";
import { memoryStore } from "@conclave/node/testing";
import { engine } from "../engine.ts";
import { printToken } from "../cluster/tokens.ts";
import { auditExport, auditVerify } from "./commands.ts";
import { exportAudit, ExportFailed } from "./export.ts";
import { main } from "./main.ts";
import { describeVerdict, linesOf, verifyAuditFile } from "./verify.ts";

const names = ["alice", "bob", "carol", "dave"];
const signerOf = (use: string) => engine.ed25519Signer(engine.sha256(utf8(use)));
const signers = names.map((name) => signerOf(`identity of ${name}`));
const ids = signers.map(({ publicKey }) => parseNodeId(toHex(publicKey)));
const roster: Roster = {
  cluster: "test",
  version: 1,
  nodes: names.map((name, i) => ({ id: ids[i]!, name, voteKey: signerOf(`votes of ${name}`).publicKey })),
};
const header = { node: ids[0]!, roster };

/** A log of so many entries; the others confirm the given positions. */
async function logOf(entries: number, confirmed: readonly number[]) {
  const store = memoryStore();
  await store.transaction(async ({ audit }) => {
    for (let n = 1; n <= entries; n++) {
      const head = await audit.append({
        atMs: 1_763_632_800_000 + n,
        actor: ids[0]!,
        action: "transaction.signed",
        subject: "ü".repeat(4),
        detail: { reason: null, n },
      });
      if (!confirmed.includes(n)) continue;
      for (const i of [1, 2, 3]) {
        const checkpoint = checkpointAt(head, { cluster: "test", node: ids[0]!, nowMs: 1_763_632_900_000 + n });
        await audit.keepCheckpoint(checkpointRow(signCheckpoint(signers[i]!, ids[i]!, checkpoint)));
      }
    }
  });
  return store;
}

const inFolder = (test: (folder: string) => Promise<void>) => async () => {
  const folder = mkdtempSync(join(tmpdir(), "conclave-audit-"));
  try {
    await test(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

describe("conclave audit", () => {
  it(
    "exports a private file that verifies, and never overwrites one",
    inFolder(async (folder) => {
      const file = join(folder, "audit.jsonl");
      const store = await logOf(6, [4]);
      assert.deepEqual(await exportAudit(header, store.audit, file), { file, lines: 1 + 6 + 3 + 1 });
      assert.equal(statSync(file).mode & 0o777, 0o600);
      const verdict = await verifyAuditFile(file, { roster });
      assert(verdict.intact);
      const said = describeVerdict(verdict);
      assert.match(said[0]!, /^Intact: 6 entries of alice in cluster test \(roster [0-9a-f]{64}\)\.$/);
      assert.match(said[1]!, /^Up to entry 4: confirmed by 3 of 3 other nodes, lastly bob, carol, dave, at 2025-/);
      assert.match(said[2]!, /^Proven up to entry 4: .* 2 entries after it/);
      await assert.rejects(exportAudit(header, store.audit, file), { code: "target", message: /is there already/ });
      assert((await verifyAuditFile(file)).intact);
    }),
  );

  it(
    "leaves no half of a file behind, and says why",
    inFolder(async (folder) => {
      const file = join(folder, "audit.jsonl");
      const store = await logOf(2, []);
      const breaking = { ...store.audit, list: () => Promise.reject(new Error("the store broke")) };
      await assert.rejects(exportAudit(header, breaking, file), /the store broke/);
      assert(!existsSync(file));
      await assert.rejects(exportAudit(header, store.audit, join(folder, "none", "audit.jsonl")), (error) => {
        assert(error instanceof ExportFailed);
        assert.equal(error.code, "target");
        assert.match(error.message, /ENOENT/);
        return true;
      });
    }),
  );

  it(
    "finds every single byte of an export that was changed",
    inFolder(async (folder) => {
      const file = join(folder, "audit.jsonl");
      // Two nodes: most of the work is looking at their keys, again for every byte.
      const small = { ...header, roster: { ...roster, nodes: roster.nodes.slice(0, 2) } };
      const store = await logOf(2, []);
      const head = await store.audit.head();
      const checkpoint = checkpointAt(head, { cluster: "test", node: ids[0]!, nowMs: 1 });
      await store.audit.keepCheckpoint(checkpointRow(signCheckpoint(signers[1]!, ids[1]!, checkpoint)));
      await exportAudit(small, store.audit, file);
      const whole = readFileSync(file);
      const isWhole = async (bytes: Uint8Array): Promise<boolean> => {
        const verify: CheckpointVerifier = (of, signed) => verifyCheckpoint(engine, of, signed);
        return (await verifyExport(linesOf(only(bytes)), { verify })).intact;
      };
      assert(await isWhole(whole));
      let tried = 0;
      const passed: string[] = [];
      const expectFound = async (what: string, bytes: Uint8Array): Promise<void> => {
        tried++;
        if (await isWhole(bytes)) passed.push(what);
      };
      for (let at = 0; at < whole.length; at++) {
        // Every byte in its lowest bit; each sixteenth also in its highest, and left out.
        await expectFound(`byte ${at}`, whole.with(at, whole[at]! ^ 0x01));
        if (at % 16 !== 0) continue;
        await expectFound(`byte ${at}, highest bit`, whole.with(at, whole[at]! ^ 0x80));
        await expectFound(`without byte ${at}`, Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]));
      }
      console.log(`${whole.length} bytes: ${tried} changes tried, ${tried - passed.length} found`);
      assert.deepEqual(passed, []);
    }),
  );

  it(
    "says what it found with its exit code, and compares the nodes with a charter",
    inFolder(async (folder) => {
      const file = join(folder, "audit.jsonl");
      const said: string[] = [];
      const say = (line: string): void => void said.push(line);
      assert.equal(
        await auditExport({ exported: exportLines(header, (await logOf(3, [3])).audit), out: file }, say),
        0,
      );
      assert.match(said.at(-1)!, /audit\.jsonl: 8 lines\./);
      assert.equal(await auditVerify({ file }, say), 0);
      assert.match(said.at(-1)!, /add --charter/);

      const charter: Charter = {
        version: 1,
        roster,
        network: "regtest",
        threshold: 3,
        quorum: 3,
        genesisMs: 1,
        transport: "tls",
      };
      const write = (name: string, of: Charter, signedBy: readonly number[], by: Charter = of): string => {
        const signatures = signedBy.map((i) => ({ node: ids[i]!, signature: signCharter(signers[i]!, by) }));
        writeFileSync(
          join(folder, name),
          printToken("charter", signedCharterCodec.encode({ charter: of, signatures })),
        );
        return join(folder, name);
      };
      const everybody = [0, 1, 2, 3];
      assert.equal(await auditVerify({ file, charter: write("charter", charter, everybody) }, say), 0);
      assert.match(said.at(-1)!, /^Proven up to entry 3/);
      const other = { ...charter, roster: { ...roster, version: 2 } };
      assert.equal(await auditVerify({ file, charter: write("other", other, everybody) }, say), 1);
      assert.match(said.at(-1)!, /^NOT INTACT: line 1: the file names other nodes/);
      const partly = write("partly", charter, [0, 1]);
      await assert.rejects(auditVerify({ file, charter: partly }, say), /not signed by carol, dave/);
      const forged = write("forged", charter, everybody, other);
      await assert.rejects(auditVerify({ file, charter: forged }, say), /is no charter of a cluster/);
      await assert.rejects(auditVerify({ file: join(folder, "none") }, say), /none cannot be read \(ENOENT\)/);
      assert.equal(await main(["verify", join(folder, "none")]), 2, "what was typed is wrong");
    }),
  );

  it(
    "reads a file of any size in little memory, and none that is no text",
    inFolder(async (folder) => {
      const file = join(folder, "audit.jsonl");
      writeFileSync(file, Buffer.concat([Buffer.from("{}\n"), Buffer.from([0xff, 0x0a])]));
      const refused = await verifyAuditFile(file);
      assert.deepEqual(describeVerdict(refused), ["NOT INTACT: line 1: the header is missing"]);
      writeFileSync(file, "");
      assert.match(describeVerdict(await verifyAuditFile(file))[0]!, /file is empty/);
      // A line without an end is given up after 4 MiB, wherever its end would be.
      const endless = async function* () {
        for (let read = 0; ; read++) {
          assert(read < 100, "it went on reading");
          yield new Uint8Array(1 << 16).fill(0x20);
        }
      };
      await assert.rejects(all(linesOf(endless())), CodecError);
      await assert.rejects(verifyAuditFile(join(folder, "none")), { code: "ENOENT" });
    }),
  );

  it("splits lines at whatever borders a file is read", async () => {
    const text = 'one\nzwei ü\n\n"four"\n';
    for (let size = 1; size <= text.length; size++) {
      const bytes = utf8(text);
      const chunks = async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      };
      assert.deepEqual(await all(linesOf(chunks())), ["one", "zwei ü", "", '"four"']);
    }
    await assert.rejects(all(linesOf(only(utf8("one\ntwo")))), /last line has no end/);
    await assert.rejects(all(linesOf(only(Uint8Array.of(0xc3, 0x0a)))), /not UTF-8/);
    assert.deepEqual(await all(linesOf(createReadStream("/dev/null"))), []);
  });
});

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}
