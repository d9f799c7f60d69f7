import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BlockHeader, ChainLied, ChainUnreachable } from "./chain.ts";
import { type HeaderSource, readHeaders } from "./headers.ts";

const name = (n: number, branch = 0): string => `${branch}${n.toString(16).padStart(63, "0")}`;

/** Header `n` of a branch; how hashes come about is checked elsewhere. */
const header = (n: number, branch = 0): BlockHeader => ({
  hash: name(n, branch),
  version: 1,
  previous: name(n - 1, branch),
  merkleRoot: name(n),
  time: n,
  bits: 0x207fffff,
  nonce: 0,
  raw: new Uint8Array(80),
});

const pageFrom = (height: number, branch = 0): readonly { height: number; header: BlockHeader }[] =>
  Array.from({ length: Math.min(10, height + 1) }, (_, i) => ({
    height: height - i,
    header: header(height - i, branch),
  }));

const source = (changes: Partial<HeaderSource> = {}): HeaderSource => ({
  tipHeight: () => Promise.resolve(42),
  blocksDownFrom: (height) => Promise.resolve(pageFrom(height)),
  ...changes,
});

const read = async (from: HeaderSource, fromHeight: number, count: number): Promise<readonly number[]> =>
  (await readHeaders(from, { fromHeight, count })).map(({ time }) => time);

describe("reading headers", () => {
  for (const [fromHeight, count, first, last] of [
    [0, 1, 0, 0],
    [0, 10, 0, 9],
    [5, 11, 5, 15],
    [30, 100, 30, 42],
    [42, 1, 42, 42],
  ] as const) {
    test(`${count} from ${fromHeight}`, async () => {
      const expected = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      assert.deepEqual(await read(source(), fromHeight, count), expected);
    });
  }
  test("none beyond the tip, none when none are wanted", async () => {
    assert.deepEqual(await read(source(), 43, 5), []);
    assert.deepEqual(await read(source(), 3, 0), []);
  });
  test("a reorganisation between two pages is told apart from a lie", async () => {
    let branch = 0;
    const moving = source({ blocksDownFrom: (height) => Promise.resolve(pageFrom(height, branch++)) });
    await assert.rejects(
      read(moving, 0, 15),
      (error) => error instanceof ChainUnreachable && /moved/.test(error.message),
    );
  });
  for (const [what, damage] of [
    ["one missing at the end", (page: ReturnType<typeof pageFrom>) => page.slice(0, -1)],
    ["one missing inside", (page: ReturnType<typeof pageFrom>) => page.toSpliced(3, 1)],
    ["one twice", (page: ReturnType<typeof pageFrom>) => page.toSpliced(3, 0, page[3]!)],
    ["wrong order", (page: ReturnType<typeof pageFrom>) => page.toReversed()],
    ["nothing", () => []],
  ] as const) {
    test(`a page with ${what} is a lie`, async () => {
      const lying = source({ blocksDownFrom: (height) => Promise.resolve(damage(pageFrom(height))) });
      await assert.rejects(read(lying, 0, 10), ChainLied);
    });
  }
  for (const [fromHeight, count] of [
    [-1, 1],
    [0.5, 1],
    [0, -1],
    [0, 2_017],
    [0, Number.NaN],
  ] as const) {
    test(`${count} from ${fromHeight} is no question`, async () => {
      await assert.rejects(read(source(), fromHeight, count), RangeError);
    });
  }
});
