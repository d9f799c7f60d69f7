/** What operators do beside a running and a stopped cluster: its audit log as a file, its evidence, and the doctor. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { killAll, phase, run, start, type Started } from "./testing/command.ts";
import { freePortBase, temporaryFolder } from "./testing/places.ts";
import { until } from "./testing/waiting.ts";

const PATIENCE_MS = 60_000;
const PROVEN = /Proven up to entry (?<entry>\d+)/;

const temporary = temporaryFolder();
const root = join(temporary.path, "operated");
const config = join(root, "node1", "config.json");
const file = (name: string): string => join(temporary.path, name);
let portBase = 0;
let nodes: Started;

before(async () => {
  portBase = await freePortBase();
  const shape = ["--nodes", "4", "--taproot-only", "--transport", "tls", "--json"];
  nodes = start(["up", ...shape, "--data", root, "--port-base", String(portBase)]);
  await phase(nodes, "confirmed");
});
after(async () => {
  await killAll();
  temporary.remove();
});

describe("operators", () => {
  let exports = 0;
  /** Exports until the other nodes confirmed enough of the log: they do so within seconds of its first entry. */
  const exported = (): Promise<string> =>
    until("an export that others confirmed", PATIENCE_MS, async () => {
      const out = file(`audit-${++exports}.jsonl`);
      const { code, stderr } = await run(["audit", "export", "--config", config, "--out", out]);
      assert.equal(code, 0, stderr);
      const verdict = await run(["audit", "verify", out, "--charter", join(root, "node2", "charter")]);
      assert.equal(verdict.code, 0, verdict.stdout + verdict.stderr);
      return PROVEN.test(verdict.stdout) ? out : undefined;
    });

  test("have the audit log of a running node as a file, which other nodes confirmed and in which one byte tells", async () => {
    const out = await exported();
    const again = await run(["audit", "export", "--config", config, "--out", out]);
    assert.deepEqual([again.code, /is there already/.test(again.stderr)], [2, true], again.stderr);
    const bytes = readFileSync(out);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(file("changed.jsonl"), bytes);
    const { code, stdout } = await run(["audit", "verify", file("changed.jsonl")]);
    assert.equal(code, 1);
    assert.match(stdout, /NOT INTACT: line \d+/);
  });

  test("export evidence of nothing, and it is judged offline", async () => {
    const out = file("evidence");
    const endpoint = ["--api-endpoint", `http://127.0.0.1:${portBase}`];
    const env = { CONCLAVE_API_TOKEN: readFileSync(join(root, "api-token"), "utf8").trim() };
    const made = await run([...endpoint, "cluster", "evidence", "--out", out], env);
    assert.equal(made.code, 0, made.stderr);
    const judged = await run(["evidence", "verify", out, "--charter", join(root, "node2", "charter")]);
    assert.equal(judged.code, 0, judged.stderr);
    assert.match(judged.stdout, /0 proven/);
  });

  test("ask the doctor about a node that runs, and one that does not", async () => {
    const well = await run(["doctor", "--config", config]);
    assert.equal(well.code, 0, well.stdout);
    assert.match(well.stdout, /quorum +4 of 4 nodes are there/);
    nodes.child.kill("SIGINT");
    await nodes.ended;
    const stopped = await run(["doctor", "--config", config, "--json"]);
    const { findings } = JSON.parse(stopped.stdout) as {
      readonly findings: readonly { readonly check: string; readonly status: string; readonly fix?: string }[];
    };
    const stateOf = (check: string) => findings.find((finding) => finding.check === check)?.status;
    assert.deepEqual([stateOf("journal"), stateOf("store"), stateOf("vault")], ["ok", "ok", "ok"]);
  });

  test("have the audit log of a stopped node, too", async () => {
    await exported();
  });
});
