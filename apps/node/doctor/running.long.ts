/** Two nodes in processes of their own, over TLS: what a doctor is told by one that runs, while the other does and does not. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openRegtest, type Regtest } from "@conclave/bitcoin-regtest";
import { foundAll, makeFounders, type Founder } from "../cluster/init/testing/founders.ts";
import { temporary } from "../cluster/init/testing/operators.ts";
import { killAll, start, type Started } from "../up/testing/command.ts";
import { freePortBase } from "../up/testing/places.ts";
import { until } from "../up/testing/waiting.ts";
import { diagnose } from "./doctor.ts";
import type { Finding } from "./finding.ts";

const { path: root, remove } = temporary();
/** Two processes open vaults, make keys and find each other, on a machine that may do ten other things. */
const PATIENCE_MS = 180_000;
const NOW_MS = Date.now();

let chain: Regtest;
let founders: readonly Founder[];
let nodes: readonly Started[] = [];

const configOf = ({ dir }: Founder): string => join(dir, "config.json");

before(async () => {
  const { certsCa, certsRenew } = await import("@conclave/transport-quic");
  chain = await openRegtest();
  const { url } = await chain.listen();
  const portBase = await freePortBase();
  founders = await makeFounders(root, ["alpha", "beta"]);
  const authority = join(root, "ca");
  await certsCa({ folder: authority, name: "authority", nowMs: NOW_MS });
  await foundAll(founders, { transport: "tls", nowMs: NOW_MS });
  const at = (i: number): string => `127.0.0.1:${portBase + 2 + i}`;
  for (const [i, { name, dir }] of founders.entries()) {
    const file = configOf({ name, dir } as Founder);
    const settings = {
      esplora_url: url,
      api_port: portBase + i,
      listen_quic: at(i),
      peer_addresses: { [i === 0 ? "beta" : "alpha"]: at(1 - i) },
    };
    const config = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...config, ...settings }), { mode: 0o600 });
    const folder = join(dir, "certificates");
    await certsRenew({ folder, name, authority, hosts: [], days: 60, nowMs: NOW_MS });
  }
  nodes = founders.map((founder) => start(["node", "--config", configOf(founder)]));
});
after(async () => {
  await killAll();
  await chain.close();
  remove();
});

const wrong = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ status }) => status !== "ok").map(({ check, status }) => `${check} ${status}`);

/** Looks until it finds exactly this wrong. */
const finds = (expected: readonly string[]): Promise<readonly Finding[]> =>
  until(
    `exactly ${expected.join(", ")}`,
    PATIENCE_MS,
    async () => {
      const findings = await diagnose(configOf(founders[0]!), NOW_MS);
      return wrong(findings).join() === expected.join() ? findings : undefined;
    },
    async () => [
      (await diagnose(configOf(founders[0]!), NOW_MS)).filter(({ status }) => status !== "ok"),
      nodes[0]!.errors().slice(-2_000),
    ],
  );

describe("a node that runs", () => {
  test("holds its own ports and files, sees its peer, and lacks a key only", async () => {
    const findings = await finds(["ready: share failed"]);
    const told = new Map(findings.map(({ check, detail }) => [check, detail]));
    assert.match(told.get("API port") ?? "", /in use by this node, which runs/);
    assert.match(told.get("network port") ?? "", /in use by this node, which runs/);
    assert.match(told.get("process") ?? "", /it runs and answers at 127\.0\.0\.1:\d+ as node [12]/);
    assert.equal(told.get("quorum"), "2 of 2 nodes are there, 2 are needed");
    assert.match(told.get("version") ?? "", /running and installed/);
    const share = findings.find(({ check }) => check === "ready: share");
    assert.match(share?.fix ?? "", /conclave keygen/);
  });

  test("whose peer is gone halts, and says who is missing", async () => {
    nodes[1]!.child.kill("SIGTERM");
    await nodes[1]!.ended;
    const findings = await finds(["quorum failed", "ready: peers failed", "ready: share failed"]);
    const quorum = findings.find(({ check }) => check === "quorum");
    assert.match(quorum?.detail ?? "", /1 of 2 nodes are there, 2 are needed: .*beta is offline/);
    assert.match(quorum?.fix ?? "", /conclave cluster nodes/);
  });

  test("that stands still runs and does not answer", async (t) => {
    nodes[0]!.child.kill("SIGSTOP");
    t.after(() => nodes[0]!.child.kill("SIGCONT"));
    const findings = await finds(["process failed", "quorum failed", "ready warning"]);
    const said = findings.find(({ check }) => check === "process");
    assert.match(said?.detail ?? "", /it runs, and its API does not answer/);
    assert.match(said?.fix ?? "", /restart it/);
  });
});
