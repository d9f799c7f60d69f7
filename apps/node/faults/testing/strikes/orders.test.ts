import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { temporaryFolder } from "../../../up/testing/places.ts";
import { giveOrder, Orders, recorded, recordSteps, takenOrder, withdrawOrder, type Order } from "./orders.ts";
import { changeOf, historyStep, journalStep, vaultRecord } from "./step-names.ts";

const ORDER: Order = { step: "journal vote(yes)", moment: "before", what: "kill", node: null };

function places(t: TestContext): { readonly root: string; readonly orders: (name: string) => Orders } {
  const { path, remove } = temporaryFolder();
  t.after(remove);
  for (const name of ["node1", "node2"]) mkdirSync(join(path, name));
  return { root: path, orders: (name) => new Orders(join(path, name)) };
}

describe("an order", () => {
  test("is carried out once, by the first that comes to the step at the moment", (t) => {
    const { root, orders } = places(t);
    giveOrder(root, ORDER);
    assert.equal(orders("node1").take("journal attempt", "before"), null);
    assert.equal(orders("node1").take("journal vote(yes)", "after"), null);
    assert.equal(takenOrder(root), null);
    assert.equal(orders("node2").take("journal vote(yes)", "before"), "kill");
    assert.equal(orders("node1").take("journal vote(yes)", "before"), null);
    assert.deepEqual(takenOrder(root), { node: "node2", step: "journal vote(yes)" });
    assert.equal(withdrawOrder(root), false);
  });
  test("for one node is left alone by the others, and a new one forgets who took the last", (t) => {
    const { root, orders } = places(t);
    giveOrder(root, { ...ORDER, node: "node1", step: null });
    assert.equal(orders("node2").take("anything", "before"), null);
    assert.equal(orders("node1").take("anything", "before"), "kill");
    giveOrder(root, ORDER);
    assert.equal(takenOrder(root), null);
    assert.equal(withdrawOrder(root), true);
    assert.equal(orders("node1").take("journal vote(yes)", "before"), null);
  });
});

test("steps are kept while somebody wants to know", (t) => {
  const { root, orders } = places(t);
  orders("node1").note("before");
  recordSteps(root);
  orders("node1").note("one");
  orders("node1").note("two");
  assert.deepEqual(recorded(root, "node1"), ["one", "two"]);
  orders("node1").note("later");
  assert.deepEqual(recorded(root, "node1"), []);
});

test("steps are named by what they keep", () => {
  const spend = { kind: "spend", purpose: "nonce", id: new Uint8Array(32), binding: new Uint8Array(32) } as const;
  assert.equal(journalStep([spend, spend, { kind: "note", text: "x" }]), "journal spend(nonce)+note");
  assert.equal(changeOf('insert into "requests" ("id") values (?)'), "requests insert");
  assert.equal(changeOf("INSERT OR IGNORE INTO votes VALUES (?)"), "votes insert");
  assert.equal(changeOf('update "events" set "status" = ?'), "events update");
  assert.equal(changeOf('delete from "votes"'), "votes delete");
  assert.equal(changeOf('select * from "insert"'), null);
  assert.equal(historyStep(["a insert", "b insert", "a insert"]), "history a insert+b insert");
  assert.equal(vaultRecord("share.aa.1.sealed.0011aabb.tmp"), "share");
});
