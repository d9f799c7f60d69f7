/** What `conclave up` writes into its nodes' config.json, and what of it is the operator's. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { createNetwork, eraseNetwork, folderAt, type LocalNetwork } from "./folder.ts";
import { configFileOf, putBack, refuseSettings, takeConfigs, writeConfigs, type ConfigParts } from "./node-configs.ts";
import { temporaryFolder } from "./testing/places.ts";

type Values = Record<string, unknown>;

const POLICY = { approval: "manual", recipients: [{ label: "rent", address: `bcrt1q${"a".repeat(38)}` }] };

function place(t: TestContext, { made = true } = {}) {
  const temporary = temporaryFolder();
  t.after(temporary.remove);
  const folder = folderAt(temporary.path);
  const network: LocalNetwork = {
    version: 1,
    cluster: "local",
    names: ["node1", "node2"],
    threshold: 2,
    quorum: 2,
    network: "regtest",
    genesis_ms: 1_000,
  };
  if (made) createNetwork(folder, network);
  const parts: ConfigParts = { folder, network, portBase: 8_080, allowDigests: false, transport: "tls" };
  const file = (name: string): string => configFileOf(folder, name);
  const read = (name: string): Values => JSON.parse(readFileSync(file(name), "utf8")) as Values;
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(file(name)), { recursive: true });
    writeFileSync(file(name), text);
  };
  const change = (name: string, values: Values): void => write(name, JSON.stringify({ ...read(name), ...values }));
  return { folder, network, parts, file, read, write, change };
}

describe("the nodes' configurations of conclave up", () => {
  test("keep what an operator wrote, at every start, while ports follow the command line", (t) => {
    const { parts, read, change } = place(t);
    writeConfigs(parts);
    change("node1", { policy: POLICY, minority_votes: "enforce", burial_depth: 12, log_level: "debug" });
    change("node2", { etcd_endpoints: ["http://127.0.0.1:2379"], postgres_url: "postgres://me@127.0.0.1/mine" });
    for (const portBase of [8_080, 9_080, 9_080]) {
      writeConfigs({ ...parts, portBase });
      assert.partialDeepStrictEqual(read("node1"), { policy: POLICY, minority_votes: "enforce", burial_depth: 12 });
      assert.partialDeepStrictEqual(read("node2"), {
        etcd_endpoints: ["http://127.0.0.1:2379"],
        postgres_url: "postgres://me@127.0.0.1/mine",
      });
      assert.deepEqual([read("node1")["api_port"], read("node2")["api_port"]], [portBase, portBase + 1]);
    }
  });

  test("lose what an option wrote once the option is left out, and nothing that somebody wrote beside it", (t) => {
    const { parts, read, change } = place(t);
    const services = { postgresUrl: "postgres://up@127.0.0.1/up", etcdEndpoints: ["http://127.0.0.1:2379"] };
    writeConfigs({ ...parts, services, allowDigests: true });
    assert.partialDeepStrictEqual(read("node1"), { postgres_url: services.postgresUrl, allow_digests: true });
    change("node2", { etcd_user: "conclave", allow_digests: true });
    writeConfigs(parts);
    for (const key of ["postgres_url", "postgres_schema", "etcd_endpoints", "allow_digests"])
      assert(!(key in read("node1")), key);
    assert.equal(read("node2")["etcd_user"], "conclave");
    change("node1", { allow_digests: true });
    writeConfigs(parts);
    assert.equal(read("node1")["allow_digests"], true, "written by hand");
  });

  test("are left as they were written where nothing changes", (t) => {
    const { parts, read, write, file } = place(t);
    writeConfigs(parts);
    const text = JSON.stringify({ policy: POLICY, ...read("node1") }, null, 8);
    write("node1", text);
    writeConfigs(parts);
    assert.equal(readFileSync(file("node1"), "utf8"), text);
    assert.equal(statSync(parts.folder.upSettingsFile).mode & 0o777, 0o600);
  });

  test("of a folder that remembers nothing: what up sets is its own, the rest the operator's", (t) => {
    const { folder, parts, read, change } = place(t);
    writeConfigs(parts);
    change("node1", { policy: POLICY, allow_digests: false });
    rmSync(folder.upSettingsFile);
    writeConfigs({ ...parts, portBase: 9_080, allowDigests: true });
    assert.partialDeepStrictEqual(read("node1"), { api_port: 9_080, allow_digests: true, policy: POLICY });
  });

  test("after a start that was cut off between two files, are still understood", (t) => {
    const { parts, read, file } = place(t);
    writeConfigs(parts);
    // Where the next version of node2's file would be drafted.
    mkdirSync(`${file("node2")}.new`);
    assert.throws(() => writeConfigs({ ...parts, portBase: 9_080 }), { code: "EISDIR" });
    rmSync(`${file("node2")}.new`, { recursive: true });
    assert.deepEqual([read("node1")["api_port"], read("node2")["api_port"]], [9_080, 8_081]);
    writeConfigs({ ...parts, portBase: 10_080 });
    assert.deepEqual([read("node1")["api_port"], read("node2")["api_port"]], [10_080, 10_081]);
  });

  test("that want something else than the command line are refused, naming file, setting and option", (t) => {
    const { parts, change, read } = place(t);
    writeConfigs(parts);
    for (const [key, value, words] of [
      ["api_port", 9_999, /node1.config\.json was given another "api_port" .* as --port-base says: take it out/],
      ["esplora_url", "http://127.0.0.1:1", /another "esplora_url"/],
      ["name", "eve", /another "name" .*sets that itself: take it out/],
    ] as const) {
      const original = read("node1")[key];
      change("node1", { [key]: value });
      assert.throws(() => writeConfigs(parts), { name: "FolderUnusable", message: words });
      assert.equal(read("node1")[key], value, "nothing was changed");
      change("node1", { [key]: original });
    }
    change("node2", { postgres_url: "postgres://me:secret@127.0.0.1/mine" });
    const postgresUrl = "postgres://up@127.0.0.1/up";
    assert.throws(
      () => writeConfigs({ ...parts, services: { postgresUrl } }),
      ({ message }: Error) => /node2.*"postgres_url".*--postgres/.test(message) && !message.includes("secret"),
    );
  });

  test("that no node could start with are refused before anything is written", (t) => {
    const { folder, parts, read, write, change, file } = place(t);
    writeConfigs(parts);
    change("node2", { polcy: POLICY });
    assert.throws(() => writeConfigs({ ...parts, portBase: 9_080 }), {
      name: "ConfigWrong",
      message: /node2.config\.json .*Unknown setting "polcy": did you mean "policy"\?/,
    });
    assert.equal(read("node1")["api_port"], 8_080);
    write("node2", "{ policy");
    assert.throws(() => writeConfigs(parts), { message: /node2.config\.json is not a JSON object: correct it/ });
    assert.equal(readFileSync(file("node2"), "utf8"), "{ policy");
    rmSync(file("node2"));
    writeFileSync(folder.upSettingsFile, "[]");
    assert.throws(() => writeConfigs(parts), {
      message: /up-settings\.json is not what "conclave up" wrote: remove it/,
    });
  });

  test("keep nodes out of one process, which would not read them, once an operator set something", (t) => {
    const { folder, network, parts, change } = place(t);
    refuseSettings(folder, network);
    writeConfigs(parts);
    refuseSettings(folder, network);
    change("node2", { policy: POLICY });
    assert.throws(() => refuseSettings(folder, network), {
      name: "FolderUnusable",
      message: /node2.config\.json sets "policy", and nodes in one process read no such file: leave --in-process out/,
    });
  });

  test("that were there before a first start are there after it failed", (t) => {
    const { folder, network, parts, read, write } = place(t, { made: false });
    write("node1", JSON.stringify({ policy: POLICY }));
    const taken = takeConfigs(folder, network.names);
    createNetwork(folder, network);
    writeConfigs(parts);
    assert.partialDeepStrictEqual(read("node1"), { policy: POLICY, api_port: 8_080 });
    eraseNetwork(folder);
    putBack(taken);
    assert.deepEqual(read("node1"), { policy: POLICY });
  });
});
