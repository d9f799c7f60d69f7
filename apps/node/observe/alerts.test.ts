/** The rules of docs/operating/alerts.yml watch what exists, and the manual names what is exported. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openCluster, type Cluster } from "../up/testing/cluster.ts";
import { familiesIn, scrape } from "./testing/exposition.ts";

const document = (name: string): string =>
  readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "operating", name), "utf8");

/** A rule's parts, as far as its lines say them. */
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly text: string;
}

/** Block style with two fields to look at: no more of YAML is used there. */
function rulesIn(text: string): readonly Rule[] {
  return text
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((part) => {
      const lines = part.split("\n");
      const at = lines.findIndex((line) => line.startsWith("        expr: "));
      const first = lines[at]?.slice("        expr: ".length) ?? "";
      const rest = lines.slice(at + 1).filter((line) => line.startsWith("          ") && first === ">-");
      const folded = rest.slice(
        0,
        rest.findIndex((line) => /^ {10}(?:summary|action): /.test(line)),
      );
      return { alert: lines[0]!, expr: first === ">-" ? folded.join(" ") : first, text: part };
    });
}

const namesIn = (expr: string): readonly string[] => expr.match(/\b(?:mpc|conclave_relay)_[a-z_]+\b/g) ?? [];

const rules = rulesIn(document("alerts.yml"));
let cluster: Cluster;
let families: readonly string[];

before(async () => {
  cluster = await openCluster({ nodes: 3 });
  families = familiesIn((await scrape(cluster.running.apiUrl(0))).text);
});
after(() => cluster.stop());

describe("alerts", () => {
  test("there are those that operators expect", () => {
    assert.equal(rules.length, (document("alerts.yml").match(/alert:/g) ?? []).length);
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
    for (const what of [
      "NodeDown",
      "Halted",
      "DoubleVote",
      "SecretReuse",
      "StoreDown",
      "SignaturesFail",
      "SigningSlow",
      "HandshakesFail",
    ])
      assert(
        rules.some(({ alert }) => alert === `Conclave${what}`),
        what,
      );
  });

  test("each watches families that a node exports", () => {
    for (const { alert, expr } of rules) {
      const names = namesIn(expr);
      assert(names.length > 0 || expr.includes("up{"), `${alert} watches something: ${expr}`);
      for (const name of names) {
        const family = name.replace(/_(?:bucket|sum|count)$/, "");
        assert(families.includes(name) || families.includes(family), `${alert} watches ${name}, which is not exported`);
      }
    }
  });

  test("a proven violation is followed to its evidence", () => {
    for (const { alert, text } of rules.filter(({ expr }) => expr.includes("violations_total")))
      assert.match(text, /`conclave cluster evidence --out FILE`/, alert);
  });

  test("each says how loud it is, what happened and what to do", () => {
    for (const { alert, text } of rules) {
      assert.match(text, /severity: (?:page|ticket) /, alert);
      assert.match(text, /summary: ".+"/, alert);
      assert.match(text, /action: ".+"/, alert);
    }
  });
});

describe("the manual", () => {
  test("names every family, and none that is not exported", () => {
    const manual = document("monitoring.md");
    const [now = ""] = manual.split("## Later");
    const named = new Set(namesIn(now).map((name) => name.replace(/_(?:bucket|sum|count)$/, "")));
    for (const family of families) assert(named.has(family), `monitoring.md does not say what ${family} is`);
    for (const name of named) assert(families.includes(name), `monitoring.md names ${name}, which is not exported`);
  });

  test("what is for later is not exported", () => {
    const [, later = ""] = document("monitoring.md").split("## Later");
    const names = namesIn(later);
    assert(names.length > 0);
    for (const name of names) assert(!families.includes(name), `${name} is exported by now`);
  });
});
