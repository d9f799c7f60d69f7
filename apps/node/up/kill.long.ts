/**
 * The whole network is killed (SIGKILL, no warning) at random moments of key generation and of payments, and started again.
 * CONCLAVE_TEST_KILLS sets how often, CONCLAVE_TEST_SEED repeats a run's choices.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { openRegtest } from "@conclave/bitcoin-regtest";
import { seededDice, type Dice } from "@conclave/protocol/testing";
import { folderAt, readSecret } from "./folder.ts";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { apiAt, type Api } from "./testing/api.ts";
import { phase, start, type Started } from "./testing/command.ts";
import { freePortBase, temporaryFolder } from "./testing/places.ts";
import { until } from "./testing/waiting.ts";

const SEED = process.env["CONCLAVE_TEST_SEED"] ?? randomBytes(4).toString("hex");
const KILLS = Number(process.env["CONCLAVE_TEST_KILLS"] ?? 9);
/** Of every three kills, one hits the first start: the making of vaults and journals, and then key generation. */
const KEYGEN_KILLS = Math.ceil(KILLS / 3);

/** Four are the fewest that tolerate a liar. */
const NODES = [0, 1, 2, 3];
/** Longer than a key generation, or a payment, takes on a busy machine: some kills come when all is done. */
const OPENING_MS = 2_000;
const KEYGEN_MS = 1_200;
const PAYMENT_MS = 1_500;

interface Place {
  readonly root: string;
  readonly portBase: number;
  readonly dice: Dice;
}

const startUp = ({ root, portBase }: Place): Started =>
  start([
    "up",
    "--in-process",
    "--json",
    "--taproot-only",
    "--nodes",
    String(NODES.length),
    "--data",
    root,
    "--port-base",
    String(portBase),
  ]);

async function kill({ child, ended }: Started): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

/** Runs `work` with a network that is killed afterwards, whatever happens. */
async function withNetwork<T>(place: Place, work: (process: Started) => Promise<T>): Promise<T> {
  const process = startUp(place);
  try {
    return await work(process);
  } finally {
    await kill(process);
  }
}

function place(t: TestContext, root: string, portBase: number): Place {
  t.diagnostic(`CONCLAVE_TEST_SEED=${SEED}`);
  return { root, portBase, dice: seededDice(SEED) };
}

const apisOf = ({ root, portBase }: Place): readonly Api[] => {
  const token = readSecret(folderAt(root).tokenFile);
  return NODES.map((i) => apiAt(`http://127.0.0.1:${portBase + i}`, token));
};

test(`a network killed ${KILLS} times keeps its address, and makes every payment it accepted exactly once`, async (t) => {
  const temporary = temporaryFolder();
  try {
    const here = place(t, temporary.path, await freePortBase());
    const shown = await makeKeyAmidKills(here);
    const wishes = await payAmidKills(here, KILLS - KEYGEN_KILLS, shown);
    await settle(here, wishes, shown);
    await checkChain(here, wishes);
  } catch (error) {
    throw new Error(`CONCLAVE_TEST_SEED=${SEED}`, { cause: error });
  } finally {
    temporary.remove();
  }
});

/** The address that was shown first. From then on it must not change. */
async function makeKeyAmidKills(here: Place): Promise<string> {
  let shown: string | undefined;
  for (let i = 0; i < KEYGEN_KILLS; i++) {
    await withNetwork(here, async (process) => {
      if (i % 2 === 1) await phase(process, "nodes up");
      await delay(here.dice.below(i % 2 === 1 ? KEYGEN_MS : OPENING_MS));
      const wallet = process.lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find((line) => line["phase"] === "wallet");
      if (wallet === undefined) return;
      shown ??= wallet["address"] as string;
      assert.equal(wallet["address"], shown);
    });
  }
  return withNetwork(here, async (process) => {
    const { address } = await phase(process, "wallet");
    assert.equal(address, shown ?? address);
    return address as string;
  });
}

/** A payment that a client wants; it repeats the request with the same key until the node has said yes. */
interface Wish {
  readonly node: number;
  readonly key: string;
  /** A different one for each wish, so that the chain shows whose payment it is. */
  readonly amount: number;
  txid: string | null;
}

async function payAmidKills(here: Place, kills: number, address: string): Promise<readonly Wish[]> {
  const wishes: Wish[] = [];
  for (let i = 0; i < kills; i++) {
    await withNetwork(here, async (process) => {
      assert.equal((await phase(process, "wallet"))["address"], address);
      const apis = apisOf(here);
      const stop = new AbortController();
      const client = (async () => {
        while (!stop.signal.aborted) {
          const wish: Wish = {
            node: here.dice.below(NODES.length),
            key: `wish-${wishes.length}`,
            amount: 20_000 + wishes.length,
            txid: null,
          };
          wishes.push(wish);
          await ask(apis, wish);
          await delay(here.dice.below(400), undefined, { signal: stop.signal }).catch(() => {});
        }
      })();
      await delay(here.dice.below(PAYMENT_MS));
      stop.abort();
      await kill(process);
      await client;
    });
  }
  return wishes;
}

/**
 * Posts the wish. A connection that breaks says nothing, and a node that has no free coins just now or is not ready refuses:
 * the wish stays open.
 */
async function ask(apis: readonly Api[], wish: Wish): Promise<void> {
  const wanted = { recipient: DEMO_RECIPIENT, amount_sats: wish.amount };
  const answer = await apis[wish.node]!.pay(wanted, wish.key).catch(() => null);
  if (answer === null) return;
  const { status, body } = answer;
  if (status === 503 || status === 429 || body.type === "urn:conclave:problem:insufficient-funds") return;
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(body.txid, wish.txid ?? body.txid, "the same key is the same payment");
  wish.txid = body.txid;
}

/** Started a last time, left alone, and asked again: all nodes come to the same end of every payment. */
async function settle(here: Place, wishes: readonly Wish[], address: string): Promise<void> {
  await withNetwork(here, async (process) => {
    assert.equal((await phase(process, "wallet"))["address"], address);
    const apis = apisOf(here);
    for (const wish of wishes) {
      await until(`${wish.key} is taken`, 20_000, async () => {
        await ask(apis, wish);
        if (wish.txid === null) await delay(400);
        return wish.txid ?? undefined;
      });
    }
    const tables = async (): Promise<readonly (readonly string[])[]> =>
      Promise.all(
        apis.map(async (api) => (await api.payments()).map(({ txid, state }) => `${txid} ${state}`).toSorted()),
      );
    await until(
      "every payment has one end on all nodes",
      40_000,
      async () => {
        const [first, ...others] = await tables();
        const ended = first!.every((row) => row.endsWith(" confirmed"));
        const alike = others.every((rows) => rows.join() === first!.join());
        await delay(400);
        return ended && alike && wishes.every(({ txid }) => first!.includes(`${txid} confirmed`)) ? true : undefined;
      },
      async () => ({
        unlike: (await tables()).map((rows) => rows.filter((row) => !row.endsWith(" confirmed"))),
        count: (await tables()).map((rows) => rows.length),
      }),
    );
    process.child.kill("SIGINT");
    assert.equal((await process.ended).code, 0);
  });
}

/** Every wish was paid by one transaction, and no coin was spent twice. */
async function checkChain({ root }: Place, wishes: readonly Wish[]): Promise<void> {
  const chain = await openRegtest({ file: folderAt(root).chainFile });
  const outputs = chain.chain.blocks.flatMap(({ entries }) =>
    entries.flatMap(({ tx }) => tx.outs.map(({ value }) => value)),
  );
  await chain.close();
  for (const { key, amount } of wishes)
    assert.equal(outputs.filter((value) => value === BigInt(amount)).length, 1, `${key}, ${amount} sat`);
}
