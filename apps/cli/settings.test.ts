import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { CliError, EXIT } from "./exit.ts";
import { configPath, resolveSettings } from "./settings.ts";

/** An environment whose configuration file has this content, if any. */
function environment(t: TestContext, content?: string): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "conclave-settings-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const env = { XDG_CONFIG_HOME: folder };
  if (content !== undefined) {
    mkdirSync(dirname(configPath(env)), { recursive: true });
    writeFileSync(configPath(env), content);
  }
  return env;
}

const refused = (words: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === EXIT.usage && words.test(error.message);

describe("settings", () => {
  test("the endpoint: flag before environment before file before default", (t) => {
    const bare = environment(t);
    const file = environment(t, '{"api_endpoint":"http://127.0.0.1:1001"}');
    const threshold = { ...file, THRESHOLD_API_ENDPOINT: "http://127.0.0.1:1002" };
    const both = { ...threshold, CONCLAVE_API_ENDPOINT: "http://127.0.0.1:1003" };
    const endpoint = (flags: object, env: Record<string, string>) => resolveSettings(flags, env).endpoint;
    assert.deepEqual(endpoint({}, bare), { value: "http://127.0.0.1:8080", source: "default" });
    assert.deepEqual(endpoint({}, file), { value: "http://127.0.0.1:1001", source: "file" });
    assert.deepEqual(endpoint({}, threshold), {
      value: "http://127.0.0.1:1002",
      source: "environment THRESHOLD_API_ENDPOINT",
    });
    assert.deepEqual(endpoint({}, both), {
      value: "http://127.0.0.1:1003",
      source: "environment CONCLAVE_API_ENDPOINT",
    });
    assert.deepEqual(endpoint({ apiEndpoint: "http://127.0.0.1:1004" }, both), {
      value: "http://127.0.0.1:1004",
      source: "flag --api-endpoint",
    });
  });

  test("an empty variable counts as none", (t) => {
    const env = { ...environment(t), CONCLAVE_API_ENDPOINT: "" };
    assert.equal(resolveSettings({}, env).endpoint.source, "default");
  });

  test("output and colours come from flags before the file", (t) => {
    const env = environment(t, '{"output_format":"json","colored":true,"timeout_secs":5,"data_dir":"/srv/net"}');
    assert.equal(resolveSettings({}, env).output.value, "json");
    assert.equal(resolveSettings({ output: "table" }, env).output.value, "table");
    assert.equal(resolveSettings({ color: true }, env).colored.source, "file");
    assert.equal(resolveSettings({ color: false }, env).colored.value, false);
    assert.equal(resolveSettings({}, env).timeoutSeconds.value, 5);
    assert.deepEqual(resolveSettings({ data: "here" }, env).data, { value: "here", source: "flag --data" });
  });

  test("two flags that contradict each other are refused", (t) => {
    assert.throws(() => resolveSettings({ json: true, output: "table" }, environment(t)), refused(/contradict/));
    assert.equal(resolveSettings({ json: true, output: "json" }, environment(t)).output.value, "json");
  });

  test("an endpoint that is no http address is refused, wherever it comes from", (t) => {
    const env = environment(t);
    for (const value of ["localhost:8080", "ftp://x", "http://", "http://user:pw@host"]) {
      assert.throws(() => resolveSettings({ apiEndpoint: value }, env), refused(/must look like/), value);
      assert.throws(
        () => resolveSettings({}, { ...env, CONCLAVE_API_ENDPOINT: value }),
        refused(/must look like/),
        value,
      );
    }
  });
});

describe("the configuration file", () => {
  for (const [content, words] of [
    ['{"api_endpiont":"x"}', /"api_endpiont": did you mean "api_endpoint"\?/],
    ['{"secret":1}', /Unknown key "secret": known are api_endpoint, data_dir/],
    ['{"timeout_secs":"5"}', /timeout_secs must be a number/],
    ['{"timeout_secs":601}', /timeout_secs/],
    ['{"output_format":"xml"}', /output_format must be "table" or "json"/],
    ['{"api_endpoint":"x"}', /api_endpoint must look like/],
    ['{"data_dir":""}', /data_dir must be a folder/],
    ["[]", /Expected a JSON object/],
    ["{", /is not JSON/],
    ["", /is not JSON/],
  ] as const) {
    test(`is refused by name if it holds ${content || "nothing"}`, (t) => {
      const env = environment(t, content);
      assert.throws(() => resolveSettings({}, env), refused(words));
      assert.throws(
        () => resolveSettings({}, env),
        (error: Error) => error.message.includes(configPath(env)),
      );
    });
  }

  test("that cannot be read is not taken for an absent one", (t) => {
    const env = environment(t);
    mkdirSync(configPath(env), { recursive: true });
    assert.throws(() => resolveSettings({}, env), refused(/cannot be read/));
  });
});
