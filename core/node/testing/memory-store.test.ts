import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { auditHash, type AuditRow } from "../store/audit.ts";
import { memoryStore } from "./memory-store.ts";
import { storeContract } from "./store-contract.ts";

storeContract("in memory", async () => {
  const store = memoryStore();
  return { store, dispose: () => store.close() };
});

describe("the audit chain", () => {
  const withEntries = async (edit: (rows: AuditRow[]) => void) => {
    const store = memoryStore();
    for (const action of ["one", "two", "three"])
      await store.audit.append({ atMs: 1, actor: "a", action, subject: "s", detail: { n: 1 } });
    store.tamper(edit);
    return store.audit.verify();
  };
  const changes: readonly [string, Partial<AuditRow>, string][] = [
    ["time", { atMs: 2 }, "its content does not match its hash"],
    ["actor", { actor: "b" }, "its content does not match its hash"],
    ["action", { action: "twp" }, "its content does not match its hash"],
    ["subject", { subject: "t" }, "its content does not match its hash"],
    ["detail", { detail: '{"n":2}' }, "its content does not match its hash"],
    ["hash", { hash: "f".repeat(64) }, "its content does not match its hash"],
    ["previous hash", { previous: "f".repeat(64) }, "does not follow from the entry before it"],
    ["position", { position: 7 }, "an entry is missing"],
  ];
  for (const [what, change, reason] of changes) {
    it(`breaks at the entry whose ${what} was changed`, async () => {
      const verdict = await withEntries((rows) => {
        rows[1] = { ...rows[1]!, ...change };
      });
      assert.deepEqual(verdict, { intact: false, position: 2, reason });
    });
  }

  it("breaks where an entry was taken out", async () => {
    const verdict = await withEntries((rows) => rows.splice(1, 1));
    assert.deepEqual(verdict, { intact: false, position: 2, reason: "an entry is missing" });
  });

  it("breaks after an entry that was rewritten with a matching hash of its own", async () => {
    const verdict = await withEntries((rows) => {
      const forged = { ...rows[0]!, actor: "forger" };
      rows[0] = { ...forged, hash: auditHash(forged) };
    });
    assert.deepEqual(verdict, { intact: false, position: 2, reason: "does not follow from the entry before it" });
  });
});
