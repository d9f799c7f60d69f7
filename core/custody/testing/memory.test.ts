import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { JournalUnavailable, VaultError } from "../ports.ts";
import { journalContract } from "./journal-contract.ts";
import { memoryJournal } from "./memory-journal.ts";
import { memoryVault } from "./memory-vault.ts";
import { vaultContract, vaultError } from "./vault-contract.ts";

journalContract("in memory", () => {
  const { disk } = memoryJournal();
  return { open: () => memoryJournal(disk), dispose: () => undefined };
});

vaultContract("in memory", () => {
  const { disk } = memoryVault();
  return { open: () => memoryVault(disk), dispose: () => undefined };
});

const positions = (journal: ReturnType<typeof memoryJournal>): number[] =>
  [...journal.read()].map(({ position }) => position);

describe("the journal's simulated disk", () => {
  it("rolls back to a snapshot", () => {
    const journal = memoryJournal();
    journal.append([Uint8Array.of(1)]);
    const snapshot = journal.snapshot();
    journal.append([Uint8Array.of(2)]);
    journal.restore(snapshot);
    assert.deepEqual(positions(memoryJournal(journal.disk)), [1]);
  });

  for (const stored of [false, true]) {
    it(`seals itself after a failed append whose records are ${stored ? "" : "not "}on disk`, () => {
      const journal = memoryJournal();
      journal.append([Uint8Array.of(1)]);
      const cause = new Error("EIO");
      journal.failNext(cause, { stored });
      assert.throws(
        () => journal.append([Uint8Array.of(2)]),
        (error) => error instanceof JournalUnavailable && error.cause === cause,
      );
      assert.throws(() => journal.append([Uint8Array.of(3)]), JournalUnavailable);
      assert.throws(() => journal.read(), JournalUnavailable);
      assert.deepEqual(positions(memoryJournal(journal.disk)), stored ? [1, 2] : [1]);
    });
  }

  it("leaves a handle dead once the disk was opened again", () => {
    const dead = memoryJournal();
    const alive = memoryJournal(dead.disk);
    assert.throws(() => dead.append([Uint8Array.of(1)]), JournalUnavailable);
    assert.equal(alive.append([Uint8Array.of(1)]), 1);
  });
});

describe("the vault's simulated disk", () => {
  it("rolls back to a snapshot", () => {
    const vault = memoryVault();
    vault.put("share/a/1", Uint8Array.of(1));
    const snapshot = vault.snapshot();
    vault.erase("share/a/1");
    vault.restore(snapshot);
    assert.deepEqual([...vault.get("share/a/1")], [1]);
  });

  it("fails once as told, changing nothing", () => {
    const vault = memoryVault();
    const cause = new Error("ENOSPC");
    vault.failNext(cause);
    assert.throws(
      () => vault.put("identity", Uint8Array.of(1)),
      (error) => error instanceof VaultError && error.code === "unavailable" && error.cause === cause,
    );
    assert.deepEqual(vault.list(""), []);
    vault.put("identity", Uint8Array.of(1));
  });

  it("leaves a handle dead once the disk was opened again", () => {
    const dead = memoryVault();
    memoryVault(dead.disk);
    assert.throws(() => dead.put("identity", Uint8Array.of(1)), vaultError("unavailable"));
  });
});
