import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Confirmations } from "./confirmations.ts";
import { RelayRefused } from "./errors.ts";
import { PipeBroken } from "./pipe.ts";

/** Confirmations, how often the marker was asked for, and how each publish ended. */
function scene() {
  const ends: string[] = [];
  const asked = { times: 0 };
  const confirmations = new Confirmations("http://relay", () => (asked.times += 1));
  const send = (id: string): void => {
    confirmations.sent(id).then(
      () => ends.push(`${id} taken`),
      (error: Error) => ends.push(`${id} ${error.name}`),
    );
  };
  return { confirmations, asked, ends, send };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("confirmations", () => {
  it("speak for what was sent before the question, and ask again for the rest", async () => {
    const { confirmations, asked, ends, send } = scene();
    send("a");
    send("b");
    assert.equal(asked.times, 1);
    confirmations.answered();
    await settled();
    // The question went out behind the first.
    assert.deepEqual([ends, asked.times], [["a taken"], 2]);
    confirmations.answered();
    await settled();
    assert.deepEqual(ends, ["a taken", "b taken"]);
    assert.equal(confirmations.waiting, false);
  });

  it("take out what was refused meanwhile, and nothing else", async () => {
    const { confirmations, ends, send } = scene();
    for (const id of ["a", "b", "b", "c"]) send(id);
    assert.equal(confirmations.refused("b", "quota"), true);
    assert.equal(confirmations.refused("z", "quota"), false);
    assert.equal(confirmations.refused("a", "quota"), true);
    confirmations.answered();
    await settled();
    assert.deepEqual(ends, ["b RelayRefused", "a RelayRefused"]);
    confirmations.answered();
    await settled();
    assert.deepEqual(ends.slice(2), ["b taken", "c taken"]);
    assert.equal(new RelayRefused("http://relay", "quota").message, "http://relay refused a message: quota");
  });

  it("leave open what a broken connection leaves open", async () => {
    const { confirmations, ends, send } = scene();
    send("a");
    confirmations.broke("gone");
    confirmations.answered();
    await settled();
    assert.deepEqual(ends, [`a ${new PipeBroken("gone").name}`]);
  });
});
