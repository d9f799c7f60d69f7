import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChainLied, ChainRefused, type ChainTransaction, ChainUnreachable, type Outpoint } from "./chain.ts";
import { type HistorySource, MAX_HISTORY, readHistory } from "./history.ts";

const SCRIPT = Uint8Array.of(0x51);
const OTHER = Uint8Array.of(0x52);
const name = (n: number): string => n.toString(16).padStart(64, "0");
const outside: Outpoint = { txid: name(999_999), vout: 0 };

/** Transaction `n` pays 100 + n to the script; it spends `from`, said to be worth `claimed`. */
function transaction(
  n: number,
  {
    from = outside,
    claimed = 7n,
    owner = OTHER,
    waiting = false,
  }: { from?: Outpoint; claimed?: bigint; owner?: Uint8Array; waiting?: boolean } = {},
): ChainTransaction {
  return {
    txid: name(n),
    version: 2,
    lockTime: 0,
    inputs: [{ outpoint: from, sequence: 0, claimedPrevout: { scriptPubKey: owner, value: claimed } }],
    outputs: [{ scriptPubKey: SCRIPT, value: 100n + BigInt(n) }],
    position: waiting ? { kind: "waiting" } : { kind: "confirmed", height: n, blockHash: name(n), blockTime: n },
  };
}

/** A server that gives these pages, whatever it was asked after. */
function source(pages: readonly (readonly ChainTransaction[])[], changes: Partial<HistorySource> = {}): HistorySource {
  let next = 0;
  const confirmed = new Set(
    pages
      .flat()
      .filter(({ position }) => position.kind === "confirmed")
      .map(({ txid }) => txid),
  );
  return {
    tipHash: () => Promise.resolve(name(1)),
    confirmedCount: () => Promise.resolve(confirmed.size),
    firstPage: () => {
      next = 1;
      return Promise.resolve(pages[0] ?? []);
    },
    pageAfter: () => Promise.resolve(pages[next++] ?? []),
    ...changes,
  };
}

const read = async (from: HistorySource): Promise<readonly string[]> =>
  (await readHistory(from, SCRIPT)).map(({ txid }) => txid);
const lied = (from: HistorySource, reason: RegExp): Promise<void> =>
  assert.rejects(read(from), (error) => error instanceof ChainLied && reason.test(error.message));

describe("reading a history", () => {
  test("nothing", async () => assert.deepEqual(await read(source([])), []));
  test("drops repeats within a page and between pages", async () => {
    const waiting = transaction(9, { waiting: true });
    const pages = [
      [waiting, waiting, transaction(5), transaction(4)],
      [transaction(4), transaction(3)],
    ];
    assert.deepEqual(await read(source(pages)), [9, 5, 4, 3].map(name));
  });
  test("does not trust the size of a page", async () => {
    const pages = [1, 2, 3, 4].map((n) => [transaction(n)]);
    assert.deepEqual(await read(source(pages)), [1, 2, 3, 4].map(name));
  });
  test("asks for no page beyond the count", async () => {
    const from = source([[transaction(1)]], { pageAfter: () => assert.fail("one page too many") });
    assert.deepEqual(await read(from), [name(1)]);
  });
  test("a server that repeats one page for ever ends as a lie", () => {
    const page = [transaction(1)];
    return lied(
      source([page], { pageAfter: () => Promise.resolve(page), confirmedCount: () => Promise.resolve(2) }),
      /1 of 2 confirmed/,
    );
  });
  test("more than was counted is a lie, too", () => {
    const from = source([[transaction(1), transaction(2)]], { confirmedCount: () => Promise.resolve(1) });
    return lied(from, /2 of 1 confirmed/);
  });
  test("a chain that moves during every read is unreachable, not a liar", async () => {
    let tip = 0;
    const from = source([[transaction(1)]], { tipHash: () => Promise.resolve(name(tip++)) });
    await assert.rejects(read(from), (error) => error instanceof ChainUnreachable && /moved/.test(error.message));
  });
  test("a count that settles after a moment is fine", async () => {
    let asked = 0;
    const from = source([[transaction(1)]], { confirmedCount: () => Promise.resolve(asked++ === 0 ? 2 : 1) });
    assert.deepEqual(await read(from), [name(1)]);
  });
  test("a history too long to be a wallet's is refused", async () => {
    const from = source([], { confirmedCount: () => Promise.resolve(MAX_HISTORY + 1) });
    await assert.rejects(read(from), (error) => error instanceof ChainRefused && /at most 5000/.test(error.message));
  });
});

describe("what is spent is compared with its transaction", () => {
  const funding = transaction(1);
  const from = { txid: funding.txid, vout: 0 };
  const spender = (options: Parameters<typeof transaction>[1]): HistorySource =>
    source([[transaction(2, { from, ...options }), funding]]);

  test("a true claim", async () => assert.equal((await read(spender({ claimed: 101n, owner: SCRIPT }))).length, 2));
  test("a false value", () => lied(spender({ claimed: 102n, owner: SCRIPT }), /is not output 0/));
  test("a false script", () => lied(spender({ claimed: 101n, owner: OTHER }), /is not output 0/));
  test("an output that does not exist", () => {
    return lied(spender({ from: { ...from, vout: 1 }, claimed: 101n, owner: SCRIPT }), /is not output 1/);
  });
  test("a spent transaction that the history leaves out", () => {
    return lied(source([[transaction(2, { from, claimed: 101n, owner: SCRIPT })]]), /which the history leaves out/);
  });
  test("but the list of waiting transactions may be incomplete: servers cap it", async () => {
    const page = [transaction(2, { from, claimed: 101n, owner: SCRIPT, waiting: true })];
    assert.equal((await read(source([page]))).length, 1);
  });
});
