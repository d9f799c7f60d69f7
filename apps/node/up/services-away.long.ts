/** A cluster on a real PostgreSQL and a real etcd that go away and come back: what its operators see, and what its clients are told. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { problem, readiness, transaction, type Problem, type Readiness } from "@conclave/api";
import { etcdMissing, startEtcd, type EtcdCluster } from "@conclave/coordination-etcd/testing";
import { postgresMissing, startPostgres, type PostgresServer } from "@conclave/store-sql/testing";
import { scrape } from "../observe/testing/exposition.ts";
import { folderAt, readSecret } from "./folder.ts";
import { DEMO_RECIPIENT } from "./recipient.ts";
import { apiAt } from "./testing/api.ts";
import { killAll, phase, run, start } from "./testing/command.ts";
import { freePortBase, temporaryFolder } from "./testing/places.ts";
import { until } from "./testing/waiting.ts";

/** A node looks at etcd every ten seconds; a loaded machine takes its time for everything. */
const PATIENCE_MS = 90_000;
/** The API takes ten questions a second of one address. */
const PAUSE_MS = 500;
/** Half of what the node itself waits for its history: whoever is told then did not wait with it. */
const IN_TIME_MS = 15_000;
const QUOTA_BYTES = 4 << 20;
const MIB = 1 << 20;

const temporary = temporaryFolder();
const root = join(temporary.path, "served");
let postgres: PostgresServer;
let etcd: EtcdCluster;
let url: string;

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly tookMs: number;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const startMs = performance.now();
  const response = await fetch(`${url}${path}`, init);
  const body: unknown = await response.json();
  return { status: response.status, body, tookMs: performance.now() - startMs };
}

const pay = (key: string): Promise<Answer> =>
  ask("/api/v1/transactions", {
    method: "POST",
    headers: {
      authorization: `Bearer ${readSecret(folderAt(root).tokenFile)}`,
      "content-type": "application/json",
      "idempotency-key": key,
    },
    body: JSON.stringify({ recipient: DEMO_RECIPIENT, amount_sats: 30_000 }),
  });

/** What `/ready` says, once it is as wanted. */
const ready = (what: string, isWanted: (found: Readiness) => boolean): Promise<Readiness> => {
  let seen: unknown;
  return until(
    what,
    PATIENCE_MS,
    async () => {
      const { status, body } = await ask("/ready");
      seen = body;
      const found = status === 200 ? readiness.parse(body) : undefined;
      if (found !== undefined && isWanted(found)) return found;
      await delay(PAUSE_MS);
      return undefined;
    },
    () => seen,
  );
};

const coordination = ({ checks }: Readiness) => checks.find(({ name }) => name === "coordination");
const degraded = (detail: RegExp) => (found: Readiness) =>
  found.status === "degraded" && detail.test(coordination(found)?.detail ?? "");
const isWell = ({ status }: Readiness): boolean => status === "ok";

const missing = postgresMissing() ?? etcdMissing();

describe("servers beside a cluster", { skip: missing === false || missing === null ? false : missing }, () => {
  before(async () => {
    [postgres, etcd] = await Promise.all([startPostgres(), startEtcd({ quotaBytes: QUOTA_BYTES })]);
    const portBase = await freePortBase();
    url = `http://127.0.0.1:${portBase}`;
    const shape = ["--nodes", "3", "--taproot-only", "--transport", "tls", "--json"];
    const servers = ["--postgres", postgres.url(), "--etcd", etcd.endpoints.join()];
    await phase(start(["up", ...shape, ...servers, "--data", root, "--port-base", String(portBase)]), "confirmed");
  });
  after(async () => {
    await killAll();
    await Promise.all([postgres.dispose(), etcd.close()]);
    temporary.remove();
  });

  test("etcd is well: so is the node", async () => {
    assert.deepEqual(coordination(await ready("all well", isWell)), {
      name: "coordination",
      ok: true,
      detail: "etcd answers, and shows what is written",
    });
  });

  test("etcd stops: the node is ready, degraded, and says why; payments go on; it starts: the node is well", async () => {
    const [member] = etcd.members;
    await member!.kill();
    await ready("degraded", degraded(/nothing listens there.*check that etcd runs/));
    const { samples } = await scrape(url);
    assert.deepEqual(
      ["mpc_ready", "mpc_coordination_up", 'mpc_ready_point{point="coordination"}'].map((name) => samples.get(name)),
      [1, 0, 0],
    );
    assert.equal((await pay("without-etcd")).status, 201);
    member!.start();
    await ready("well again", isWell);
    assert.equal((await scrape(url)).samples.get("mpc_coordination_up"), 1);
  });

  test("etcd is full: its alarm is named with what mends it, by /ready and by the doctor", async () => {
    const filling = Array.from({ length: 2 * (QUOTA_BYTES / MIB) }, (_, i) => `/filling/${i}`);
    const value = Buffer.alloc(MIB, 7).toString("base64");
    for (const key of filling)
      // The last ones are refused, which is what they are for.
      await etcd.ask("/v3/kv/put", { key: Buffer.from(key).toString("base64"), value }).catch(() => undefined);
    await ready("full", degraded(/NOSPACE: make room: .*etcdctl alarm disarm/));
    assert.equal((await scrape(url)).samples.get("mpc_coordination_alarms"), 1);
    const { code, stdout } = await run(["doctor", "--config", join(root, "node1", "config.json")]);
    assert.equal(code, 0, stdout);
    assert.match(
      stdout,
      /warning +etcd health +etcd raises the alarm NOSPACE.*\n +→ make room: .*etcdctl alarm disarm/,
    );
    assert.match(stdout, /warning +ready: coordination +etcd raises the alarm NOSPACE/);
    for (const key of filling) await etcd.delete(key);
    await etcd.makeRoom();
    await ready("room again", isWell);
    assert.equal((await scrape(url)).samples.get("mpc_coordination_alarms"), 0);
  });

  test("PostgreSQL stops: clients are told within seconds, nothing is begun, and it goes on when it is back", async (t) => {
    const txid = transaction.parse((await pay("before")).body).txid;
    const api = apiAt(url, "");
    const confirmed = (id: string): Promise<true> =>
      until(
        `${id} confirmed`,
        PATIENCE_MS,
        async () => {
          if ((await api.payment(id)).state === "confirmed") return true;
          await delay(PAUSE_MS);
          return undefined;
        },
        async () => api.payment(id),
      );
    await confirmed(txid);
    const known = (await api.payments()).length;
    await postgres.stop();

    const told = async (asked: Promise<Answer>, detail: RegExp): Promise<void> => {
      const { status, body, tookMs } = await asked;
      const said: Problem = problem.parse(body);
      assert.deepEqual([status, said.type], [503, "urn:conclave:problem:store-unavailable"], JSON.stringify(body));
      assert.match(said.detail, detail);
      assert.ok(tookMs < IN_TIME_MS, `told after ${tookMs} ms`);
      t.diagnostic(`told after ${Math.round(tookMs)} ms`);
    };
    await Promise.all([
      told(ask(`/api/v1/transactions/${txid}`), /ask again/),
      told(pay("meanwhile"), /nothing was done\. Send the request again .* same Idempotency-Key/),
    ]);
    await told(ask("/api/v1/transactions"), /ask again/);
    const unready = await ask("/ready");
    assert.equal(unready.status, 503);
    const { reasons = [] } = problem.parse(unready.body);
    assert.match(reasons.find(({ name }) => name === "store")?.detail ?? "", /^history cannot be kept: /);
    assert.equal((await ask("/api/v1/cluster/status")).status, 200, "what needs no history is answered");

    await postgres.start();
    await ready("its history is back", isWell);
    const { status, body } = await pay("meanwhile");
    assert.equal(status, 201, JSON.stringify(body));
    await confirmed(transaction.parse(body).txid);
    assert.equal((await api.payments()).length, known + 1, "what was refused was not done");
  });
});
