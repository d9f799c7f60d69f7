/** A node that is well, and each thing that can be wrong with one, alone: exactly that check fails and says what mends it. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { openRegtest, type Regtest } from "@conclave/bitcoin-regtest";
import { openJournal } from "@conclave/journal-sqlite";
import { openStore } from "@conclave/store-sql";
import { copyFounders, damage, foundAll, makeFounders, type Founder } from "../cluster/init/testing/founders.ts";
import { temporary } from "../cluster/init/testing/operators.ts";
import { freePortBase } from "../up/testing/places.ts";
import { clock } from "./clock.ts";
import { space } from "./disk.ts";
import { diagnose, doctor } from "./doctor.ts";
import type { Finding } from "./finding.ts";
import { examine, type Patient } from "./patient.ts";
import { runtime } from "./versions.ts";

const { path: root, remove } = temporary();
/** Founded on the day of the test: certificates and clocks are compared with the real time. */
const NOW_MS = Date.now();
const DAY_MS = 86_400_000;
const GIB = 1 << 30;

let well: Founder;
let chain: Regtest;
let chainUrl: string;
let portBase: number;
let peer: Server;
let copies = 0;

before(async () => {
  chain = await openRegtest();
  const { url } = await chain.listen();
  chainUrl = url;
  portBase = await freePortBase();
  peer = createServer();
  await new Promise<void>((resolve) => peer.listen(portBase + 4, "127.0.0.1", resolve));
  const founders = await makeFounders(join(root, "made"), ["alpha", "beta"]);
  await foundAll(founders, { transport: "tls", nowMs: NOW_MS });
  [well] = founders as [Founder];
  const settings = { esplora_url: url, api_port: portBase, listen_quic: `127.0.0.1:${portBase + 1}` };
  edit(configOf(well), { ...settings, peer_addresses: { beta: `127.0.0.1:${portBase + 4}` } });
  await certify(well.dir);
  openJournal({ file: join(well.dir, "journal", "safety.sqlite"), create: false }).close();
  await (await openStore({ file: join(well.dir, "history.sqlite") })).close();
});
after(async () => {
  peer.close();
  await chain.close();
  remove();
});

const configOf = ({ dir }: Pick<Founder, "dir">): string => join(dir, "config.json");

function edit(file: string, settings: Readonly<Record<string, unknown>>): void {
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...settings }), { mode: 0o600 });
}

async function certify(dir: string, { days = 60, name = "alpha", nowMs = NOW_MS } = {}): Promise<void> {
  const { certsCa, certsRenew } = await import("@conclave/transport-quic");
  const authority = join(root, `ca-${copies++}`);
  await certsCa({ folder: authority, name: "authority", nowMs: nowMs - DAY_MS });
  rmSync(join(dir, "certificates", "ca.crt"), { force: true });
  await certsRenew({ folder: join(dir, "certificates"), name, authority, hosts: [], days, nowMs });
}

/** A folder that a test may spoil. */
function copied(): { readonly dir: string; readonly file: string } {
  const [{ dir }] = copyFounders([well], join(root, `copy-${copies++}`)) as [Founder];
  return { dir, file: configOf({ dir }) };
}

const wrong = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ status }) => status !== "ok");

/** What a spoilt copy is found to have, and that nothing else is. `process` alone is always said of a stopped node. */
async function found(
  spoil: (at: { readonly dir: string; readonly file: string }) => void | Promise<void>,
): Promise<readonly Finding[]> {
  const copy = copied();
  await spoil(copy);
  const all = await diagnose(copy.file, NOW_MS);
  return wrong(all).filter(({ check }) => check !== "process");
}

const patientOf = (file: string): Patient => examine(file, NOW_MS);

describe("a node that is well", () => {
  test("stopped: everything is looked at, and only that it is stopped is said", async () => {
    const { file } = copied();
    const findings = await diagnose(file, NOW_MS);
    assert.deepEqual(
      wrong(findings).map(({ check, status }) => [check, status]),
      [["process", "warning"]],
    );
    assert.deepEqual(
      [...new Set(findings.map(({ check }) => check))],
      [
        ..."Node,settings,folder,password,API token,vault,network keys,charter,certificate,API port,network port".split(
          ",",
        ),
        ..."certificate end,files,account,disk,store,journal,process,quorum,chain,clock".split(","),
      ],
    );
  });

  test("ends with 0; as JSON and for people, with the fix under what is not well", async () => {
    const { dir } = copied();
    const lines: string[] = [];
    const say = (line: string): void => void lines.push(line);
    assert.equal(await doctor({ data: dir, json: true, say }), 0);
    const told = JSON.parse(lines.join("\n")) as { ok: boolean; findings: Finding[] };
    assert.equal(told.ok, true);
    lines.length = 0;
    rmSync(join(dir, "api-token"));
    assert.equal(await doctor({ config: configOf({ dir }), json: false, say }), 1);
    const at = lines.findIndex((line) => /failed.*API token/.test(line));
    assert.match(lines[at + 1] ?? "", /→ openssl rand -hex 32/);
  });

  test("nothing of what is secret is said", async () => {
    const { dir, file } = copied();
    const token = readFileSync(join(dir, "api-token"), "utf8").trim();
    const keys = readFileSync(join(dir, "network-keys"), "utf8").trim();
    edit(file, { postgres_url: "postgresql://conclave:hunter2@127.0.0.1:1/conclave" });
    const said = JSON.stringify(await diagnose(file, NOW_MS));
    for (const secret of [token, keys, keys.slice(8, 40), "a password for tests", "hunter2"])
      assert(!said.includes(secret), `${secret.slice(0, 4)}… was said`);
  });
});

interface Case {
  readonly what: string;
  readonly spoil: (at: { readonly dir: string; readonly file: string }) => void | Promise<void>;
  readonly check: string;
  readonly status?: "warning";
  readonly detail: RegExp;
  readonly fix: RegExp;
}

const CASES: readonly Case[] = [
  {
    what: "a password file that is gone",
    spoil: ({ file }) => edit(file, { password_file: "/nowhere/password" }),
    check: "password",
    detail: /is not there/,
    fix: /write the vault's password/,
  },
  {
    what: "a token that is too short",
    spoil: ({ dir }) => writeFileSync(join(dir, "api-token"), "short", { mode: 0o600 }),
    check: "API token",
    detail: /holds no token/,
    fix: /openssl rand/,
  },
  {
    what: "network keys that are damaged",
    spoil: ({ dir }) => writeFileSync(join(dir, "network-keys"), "zz", { mode: 0o600 }),
    check: "network keys",
    detail: /network-keys/,
    fix: /conclave init card/,
  },
  {
    what: "a certificate of another name",
    spoil: ({ dir }) => certify(dir, { name: "gamma" }),
    check: "certificate",
    detail: /wrong-name/,
    fix: /certs renew/,
  },
  {
    what: "a certificate whose authority is another",
    spoil: async ({ dir }) => {
      const { certsCa } = await import("@conclave/transport-quic");
      const other = join(dir, "..", "other");
      await certsCa({ folder: other, name: "another", nowMs: NOW_MS });
      writeFileSync(join(dir, "certificates", "ca.crt"), readFileSync(join(other, "ca.crt")));
    },
    check: "certificate",
    detail: /foreign-ca/,
    fix: /certs renew/,
  },
  {
    what: "a certificate that ends in ten days",
    spoil: ({ dir }) => certify(dir, { days: 10 }),
    check: "certificate end",
    status: "warning",
    detail: /in (?:9|10) days/,
    fix: /certs renew/,
  },
  {
    what: "a file that others can read",
    spoil: ({ dir }) => chmodSync(join(dir, "history.sqlite"), 0o644),
    check: "files",
    detail: /history\.sqlite is open to other accounts \(mode 644\)/,
    fix: /^chmod 600 .*history\.sqlite/,
  },
  {
    what: "a folder that others can enter",
    spoil: ({ dir }) => chmodSync(join(dir, "cards"), 0o755),
    check: "files",
    detail: /cards is open/,
    fix: /^chmod 700/,
  },
  {
    what: "a link in place of a file",
    spoil: ({ dir }) => symlinkSync("/etc/hostname", join(dir, "notes")),
    check: "files",
    detail: /notes is a link/,
    fix: /put the real file/,
  },
  {
    what: "history that was overwritten in the middle",
    spoil: ({ dir }) => {
      const file = join(dir, "history.sqlite");
      const bytes = readFileSync(file);
      bytes.fill(0xff, 4_096 * 2, 4_096 * 3);
      writeFileSync(file, bytes);
    },
    check: "store",
    detail: /damaged|malformed|not a database/,
    fix: /hears from its peers/,
  },
  {
    what: "history of a newer program",
    spoil: ({ dir }) => {
      const db = new DatabaseSync(join(dir, "history.sqlite"));
      db.exec("INSERT INTO kysely_migration (name, timestamp) VALUES ('0999-later', 'now')");
      db.close();
    },
    check: "store",
    detail: /has schema 999, and this program knows \d+/,
    fix: /newer program/,
  },
  {
    what: "a journal in which one byte is another",
    spoil: ({ dir }) => {
      const file = join(dir, "journal", "safety.sqlite");
      const journal = openJournal({ file, create: false });
      journal.append([new Uint8Array(64).fill(0x42)]);
      journal.close();
      const bytes = readFileSync(file);
      bytes[bytes.indexOf(Buffer.alloc(64, 0x42)) + 5] = 0x43;
      writeFileSync(file, bytes);
    },
    check: "journal",
    detail: /does not match its hash/,
    fix: /restore nothing older/,
  },
  {
    what: "a peer that does not listen",
    spoil: ({ file }) => edit(file, { peer_addresses: { beta: "127.0.0.1:1" } }),
    check: "quorum",
    detail: /1 of 2 nodes would be there.*2 are needed; beta do not listen/,
    fix: /call their operators/,
  },
  {
    what: "a Bitcoin server that is away, whose clock is not known then either",
    spoil: ({ file }) => edit(file, { esplora_url: "http://127.0.0.1:1", relays: [] }),
    check: "chain",
    detail: /does not answer/,
    fix: /start the server/,
  },
  {
    what: "a PostgreSQL that is away",
    spoil: ({ file }) => edit(file, { postgres_url: "postgresql://conclave@127.0.0.1:1/conclave" }),
    check: "PostgreSQL",
    detail: /nobody listens at 127\.0\.0\.1:1/,
    fix: /start it/,
  },
  {
    what: "an etcd that is away",
    spoil: ({ file }) => edit(file, { etcd_endpoints: ["http://127.0.0.1:1"] }),
    check: "etcd",
    detail: /nobody listens/,
    fix: /start it/,
  },
  {
    what: "something else where etcd should be",
    spoil: ({ file }) => edit(file, { etcd_endpoints: [new URL(chainUrl).origin] }),
    check: "etcd health",
    status: "warning",
    detail: /no etcd endpoint answered/,
    fix: /correct what etcd's settings/,
  },
];

describe("a doctor finds", () => {
  for (const { what, spoil, check, status = "failed", detail, fix } of CASES)
    test(what, async () => {
      const findings = await found(spoil);
      // Without the server there is nobody to compare the clock with: a warning of its own.
      const others = findings.filter((finding) => !(check === "chain" && finding.check === "clock"));
      assert.deepEqual(
        others.map((finding) => [finding.check, finding.status]),
        [[check, status]],
        JSON.stringify(findings),
      );
      assert.match(others[0]!.detail, detail);
      assert.match(others[0]!.fix ?? "", fix);
    });

  test("settings that are wrong, after which nothing else can be looked at", async () => {
    const findings = await found(({ file }) => edit(file, { api_prot: 1 }));
    assert.deepEqual(
      findings.map(({ check }) => check),
      ["settings"],
    );
    assert.match(findings[0]!.detail, /api_prot/);
  });

  test("no node at all, and says where one is looked for", async () => {
    const [finding] = await diagnose(join(root, "nowhere", "config.json"), NOW_MS);
    assert.deepEqual([finding?.check, finding?.status], ["settings", "failed"]);
    assert.match(finding?.fix ?? "", /--data/);
  });

  test("a vault without its journal, and what the journal's own check says of it", async () => {
    const findings = await found(({ dir }) => rmSync(join(dir, "journal", "safety.sqlite")));
    assert.deepEqual(
      findings.map(({ check, status }) => [check, status]),
      [
        ["vault", "failed"],
        ["journal", "failed"],
      ],
    );
    assert(!existsSync(join(root, "journal")), "looking makes nothing");
  });

  test("a charter that somebody changed: who the peers are is not known then", async () => {
    const findings = await found(({ dir }) => damage(join(dir, "charter")));
    assert.deepEqual(
      findings.filter(({ status }) => status === "failed").map(({ check }) => check),
      ["charter"],
    );
  });

  test("a port that another program uses", async (t) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(portBase, "127.0.0.1", resolve));
    t.after(() => other.close());
    const findings = await found(() => {});
    assert.deepEqual(
      findings.map(({ check, status }) => [check, status]),
      [["API port", "failed"]],
    );
  });

  test("a Bitcoin server of another network", async () => {
    const patient = patientOf(copied().file);
    const { membership } = patient;
    const { chain: look } = await import("./reachable.ts");
    const mainnet = { ...membership!, charter: { ...membership!.charter, network: "mainnet" as const } };
    const finding = await look({ ...patient, membership: mainnet });
    assert.deepEqual([finding.check, finding.status], ["chain", "failed"]);
    assert.match(finding.detail, /serves another network/);
    assert.match(finding.fix ?? "", /a server of mainnet/);
  });

  test("clocks that are off: a little is said, much fails, one before the founding always", async () => {
    const patient = patientOf(copied().file);
    const at = async (ms: number) => (await clock(patient, () => Date.now() + ms)).map(({ status }) => status);
    assert.deepEqual(await at(0), ["ok"]);
    assert.deepEqual(await at(10_000), ["warning"]);
    assert.deepEqual(await at(3_600_000), ["failed"]);
    const [early] = await clock(patient, () => NOW_MS - 30 * DAY_MS);
    assert.match(early!.detail, /founded at .* still to come here/);
  });

  test("a disk that fills up", () => {
    const patient = patientOf(copied().file);
    const status = (bytes: number) => space(patient, () => bytes).status;
    assert.deepEqual([status(2 * GIB), status(GIB - 1), status(1)], ["ok", "warning", "failed"]);
  });

  test("another Node than the program is written for", () => {
    assert.equal(runtime("24.1.0").status, "ok");
    assert.match(runtime("22.9.0").detail, /24 is needed/);
    assert.equal(runtime("22.9.0").status, "failed");
  });
});
