/**
 * Servers beside the nodes that go away in the middle of payments: PostgreSQL, which keeps their histories, and etcd, in which
 * their statements wait for nodes that are away. What was accepted is in one final state on all nodes afterwards.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before } from "node:test";
import { etcdMissing, startEtcd, type EtcdCluster } from "@conclave/coordination-etcd/testing";
import { verifyAuditRows, type AuditRow } from "@conclave/node";
import { postgresMissing, startPostgres, type PostgresServer } from "@conclave/store-sql/testing";
import type { FaultyCluster } from "../cluster.ts";
import { CAMPAIGN, sampled } from "../run.ts";
import { LINE, reached } from "../strike.ts";
import { faults, skipped } from "../trials.ts";
import { wroteDown } from "../wrote-down.ts";

const AWAY_MS = 2_000;
/** Longer than a node waits for its history. */
const LONG_AWAY_MS = CAMPAIGN ? 180_000 : 40_000;
/** From the return of a server to the end of everything that waited for it. */
const RECOVERY_MS = 120_000;
const PHASES = ["proposed", "voted", "begun", "round frost/sign/1", "signed", "broadcasting"];

let postgres: PostgresServer;
let etcd: EtcdCluster;

async function auditRows(name: string): Promise<readonly AuditRow[]> {
  const rows = await postgres.sql(
    `select position, at, actor, action, subject, detail, previous_hash, hash from conclave_${name}.audit_log order by position`,
  );
  return rows.map(({ position, at, actor, action, subject, detail, previous_hash: previous, hash }) => ({
    position: Number(position),
    atMs: Number(at),
    actor: String(actor),
    action: String(action),
    subject: String(subject),
    detail: String(detail),
    previous: String(previous),
    hash: String(hash),
  }));
}

const missing = [postgresMissing(), etcdMissing()].find((reason) => typeof reason === "string");
if (missing === undefined) {
  before(async () => {
    [postgres, etcd] = await Promise.all([startPostgres(), startEtcd({ members: 3 })]);
  });
  after(() => Promise.all([postgres.dispose(), etcd.close()]));
  const settings = () => ({ postgres_url: postgres.url(), etcd_endpoints: etcd.endpoints });
  faults("servers go away", { nodes: 5, settings }, ({ trial, figure }) => {
    /** A payment in whose phase something is done; resolves when it is confirmed on every node. */
    const paidAmid = async (cluster: FaultyCluster, phase: string, strike: () => Promise<void>): Promise<number> => {
      cluster.wires.impair(LINE);
      const struck = reached(cluster, phase).then(strike);
      const asked = cluster.pay(0);
      await struck;
      const tookMs = await cluster.settled([await asked]);
      await cluster.judge();
      return tookMs;
    };
    trial("a payment while nothing is away", async (cluster) => {
      figure("with PostgreSQL and etcd, ms", await cluster.settled([await cluster.pay(1)]));
      const names = await etcd.keys();
      assert(
        names.some((name) => name.includes("/votes/")),
        "votes are in etcd",
      );
    });
    for (const phase of sampled(PHASES, 2, "PostgreSQL"))
      for (const how of ["fast", "kill"] as const)
        trial(`PostgreSQL ${how === "fast" ? "restarted" : "killed"} in ${phase}`, async (cluster) => {
          const tookMs = await paidAmid(cluster, phase, async () => {
            await postgres.stop(how);
            await delay(AWAY_MS);
            await postgres.start();
          });
          figure("after PostgreSQL's return, ms", tookMs);
        });
    for (const phase of sampled(PHASES, 3, "etcd's leader"))
      trial(`etcd's leader killed in ${phase}`, async (cluster) => {
        const leader = await etcd.leader();
        const tookMs = await paidAmid(cluster, phase, () => leader.kill());
        figure("past etcd's dead leader, ms", tookMs);
        leader.start();
        await cluster.judge();
      });
    trial("all of etcd killed: peers tell each other, and a node that was away learns everything", async (cluster) => {
      await Promise.all(etcd.members.map((member) => member.kill()));
      await cluster.kill(4);
      figure("without etcd, ms", await cluster.settled([await cluster.pay(2)]));
      for (const member of etcd.members) member.start();
      await cluster.start(4);
      await cluster.linked();
      await cluster.judge();
    });
    for (const phase of sampled(PHASES, 1, "PostgreSQL for long"))
      trial(
        `PostgreSQL away for ${LONG_AWAY_MS / 1_000} s from ${phase} on: longer than nodes wait`,
        async (cluster) => {
          cluster.wires.impair(LINE);
          const struck = reached(cluster, phase).then(() => postgres.stop("kill"));
          const payment = await cluster.pay(0);
          await struck;
          await delay(LONG_AWAY_MS);
          await postgres.start();
          const tookMs = await cluster.settled([payment], RECOVERY_MS);
          figure("after PostgreSQL's long absence, ms", tookMs);
          await cluster.settled([await cluster.pay(3)]);
          await cluster.judge();
        },
      );
    trial("every node has a schema of its own, and its audit chain in it is whole", async (cluster) => {
      const schemas = await postgres.sql(
        "select nspname from pg_namespace where nspname like 'conclave%' order by nspname",
      );
      assert.deepEqual(
        schemas.map(({ nspname }) => nspname),
        cluster.network.names.map((name) => `conclave_${name}`),
      );
      for (const name of cluster.network.names) {
        const verdict = await verifyAuditRows(await auditRows(name));
        assert(verdict.intact && verdict.entries > 0, `${name}: ${JSON.stringify(verdict)}`);
      }
    });
    wroteDown({ trial, figure });
  });
} else skipped("servers go away", missing);
