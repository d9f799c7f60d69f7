/**
 * Servers beside the nodes that go away: PostgreSQL, which keeps their histories. It is restarted and killed in the middle of
 * payments, and what was accepted is in one final state on all nodes afterwards.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before } from "node:test";
import { verifyAuditRows, type AuditRow } from "@conclave/node";
import { postgresMissing, startPostgres, type PostgresServer } from "@conclave/store-sql/testing";
import type { FaultyCluster } from "../cluster.ts";
import { phaseOf } from "../phases.ts";
import { sampled } from "../run.ts";
import { LINE } from "../strike.ts";
import { faults } from "../trials.ts";

const AWAY_MS = 2_000;
const PHASES = sampled(["proposed", "voted", "begun", "round frost/sign/1", "signed", "broadcasting"], 2, "services");

let postgres: PostgresServer;
const missing = postgresMissing();

before(async () => {
  if (missing === null) postgres = await startPostgres();
});
after(() => postgres?.dispose());

/** Resolves when a node tells of the phase. */
const reached = (cluster: FaultyCluster, phase: string): Promise<void> =>
  new Promise((resolve) => {
    const stop = cluster.notices.listen((_, notice) => {
      if (phaseOf(notice) !== phase) return;
      stop();
      resolve();
    });
  });

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

if (missing !== null) console.log(missing);
else
  faults(
    "PostgreSQL goes away",
    { nodes: 5, settings: () => ({ postgres_url: postgres.url() }) },
    ({ trial, figure }) => {
      for (const phase of PHASES)
        for (const how of ["fast", "kill"] as const)
          trial(`${phase}: ${how === "fast" ? "restarted" : "killed and started again"}`, async (cluster) => {
            cluster.wires.impair(LINE);
            const struck = reached(cluster, phase).then(() => postgres.stop(how));
            const asked = cluster.pay(0);
            await struck;
            await delay(AWAY_MS);
            await postgres.start();
            const payment = await asked;
            figure("done after PostgreSQL's return, ms", await cluster.settled([payment]));
          });
      trial("a payment while nothing is away", async (cluster) => {
        cluster.wires.impair({});
        figure("a payment with PostgreSQL, ms", await cluster.settled([await cluster.pay(1)]));
      });
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
    },
  );
