/** docs/operating/cluster.md says what is so: its commands exist with their options, and its table is the configuration's. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Command } from "commander";
import { resolveConfig, variableOf } from "../config.ts";
import { addCerts } from "./certs-command.ts";
import { addInit } from "./command.ts";
import { addConfig } from "./config-command.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..", "..");
const manual = readFileSync(join(ROOT, "docs", "operating", "cluster.md"), "utf8");

test("every command of the manual exists, with the options that it is given", () => {
  const program = new Command("conclave");
  addInit(program);
  addCerts(program);
  addConfig(program, () => {});
  const written = [...manual.matchAll(/conclave (?<words>(?:init|certs|config) [^`\n…]+)/g)].map(
    ({ groups }) => groups!["words"]!,
  );
  assert.ok(written.length > 12);
  const seen = new Set<string>();
  for (const line of written) {
    const [group = "", name = "", ...rest] = line.trim().split(/\s+/);
    const command = program.commands
      .find((each) => each.name() === group)
      ?.commands.find((each) => each.name() === name);
    assert.ok(command !== undefined, line);
    seen.add(`${group} ${name}`);
    for (const flag of rest.filter((word) => word.startsWith("--")))
      assert.ok(
        command.options.some(({ long }) => long === flag),
        `${line}: ${flag}`,
      );
  }
  for (const group of program.commands)
    for (const command of group.commands)
      assert.ok(
        seen.has(`${group.name()} ${command.name()}`),
        `the manual does not name ${group.name()} ${command.name()}`,
      );
});

test("the manual's table names every setting, its variable and its default", () => {
  const dir = mkdtempSync(join(tmpdir(), "conclave-manual-"));
  const file = join(dir, "config.json");
  writeFileSync(file, '{"name":"alpha","esplora_url":"https://x"}');
  const { config, sources } = resolveConfig(file, {});
  rmSync(dir, { recursive: true });
  const rows = new Map(
    [...manual.matchAll(/^\| `(?<key>[a-z0-9_]+)` \| `(?<variable>CONCLAVE_\w+)` \| (?<value>[^|]*?) ?\|/gm)].map(
      ({ groups }) => [groups!["key"]!, [groups!["variable"], groups!["value"]]],
    ),
  );
  const keys = Object.keys(sources) as (keyof typeof sources)[];
  assert.deepEqual([...rows.keys()], keys);
  for (const key of keys) {
    const value = config[key];
    const shown = value === undefined ? "not set" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
    assert.deepEqual(rows.get(key), [variableOf(key), sources[key] === "file" ? "" : shown], key);
  }
});
