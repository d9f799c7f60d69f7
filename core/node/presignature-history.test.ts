/** A record that cannot be written costs itself: neither the partial signature behind it, nor the truth of what stands there. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CustodyEvent } from "@conclave/custody";
import type { Notice } from "./context.ts";
import { keepPresignatureEnd } from "./presignature-history.ts";
import { StoreUnavailable } from "./store/outcome.ts";
import type { Store } from "./store/port.ts";
import { VirtualClock } from "./testing/clock.ts";
import { memoryStore } from "./testing/memory-store.ts";

type Ended = Extract<CustodyEvent, { kind: "presignatureEnded" }>;

const bytes = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const hex = (value: number): string => value.toString(16).padStart(2, "0").repeat(32);

const used: Ended = {
  kind: "presignatureEnded",
  key: bytes(1),
  presignature: bytes(2),
  end: "used",
  use: { request: bytes(3), revision: 1, attempt: 0 },
  nonces: 1,
};

function scene(store: Store = memoryStore()) {
  const notices: Notice[] = [];
  const context = { store, clock: new VirtualClock(7), notify: (notice: Notice) => void notices.push(notice) };
  const problems = (): readonly string[] =>
    notices.map((notice) => (notice.kind === "problem" ? notice.message : assert.fail(notice.kind)));
  return { store, problems, keep: (event: Ended) => keepPresignatureEnd(context, event) };
}

/** A store whose table of presignatures throws. */
const failing = (error: Error): Store => {
  const store = memoryStore();
  const insert = async (): Promise<never> => {
    throw error;
  };
  return { ...store, presignatures: { ...store.presignatures, insert } };
};

describe("how a presignature ended", () => {
  test("is kept with what took it, and without where nothing did; the same again changes nothing", async () => {
    const { store, problems, keep } = scene();
    await keep(used);
    await keep(used);
    await keep({ ...used, presignature: bytes(4), end: "burnt", use: null, nonces: 0 });
    const row = { key: hex(1), usedAtMs: 7 };
    assert.deepEqual(await store.presignatures.get(hex(2)), {
      ...row,
      presignature: hex(2),
      end: "used",
      request: hex(3),
      revision: 1,
      attempt: 0,
      nonces: 1,
    });
    assert.deepEqual(await store.presignatures.get(hex(4)), {
      ...row,
      presignature: hex(4),
      end: "burnt",
      request: null,
      revision: null,
      attempt: null,
      nonces: 0,
    });
    assert.deepEqual(problems(), []);
  });

  test("that contradicts what stands there is said aloud, and what stands there stays", async () => {
    const { store, problems, keep } = scene();
    await keep(used);
    await keep({ ...used, end: "burnt", nonces: 0 });
    assert.equal((await store.presignatures.get(hex(2)))?.end, "used");
    assert.match(
      problems().join(),
      /^presignature 02020202 was burnt, and the store says otherwise: the journal is right/,
    );
  });

  test("is missing where the store fails, and nothing else is", async () => {
    const { problems, keep } = scene(failing(new StoreUnavailable("unavailable", "store: no answer")));
    await keep(used);
    assert.match(
      problems().join(),
      /was used, and the store could not keep that \(store: no answer\): its history lacks one row/,
    );
    await assert.rejects(scene(failing(new TypeError("a bug"))).keep(used), TypeError);
  });
});
