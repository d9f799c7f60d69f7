import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { openReader, readToken, tokenPath } from "../connection.ts";
import type { Action, Context } from "../context.ts";
import { type CliError, EXIT, usageError } from "../exit.ts";
import { explain } from "../explain.ts";
import { cell, renderList, renderTable } from "../output.ts";
import { checkEndpoint, configPath, readConfig } from "../settings.ts";

/** Another program knows nodes' configurations; it is asked when the command begins with these two words. */
function refuseFile(action: string, file: string | undefined): void {
  if (file !== undefined)
    throw usageError(
      `Write "config ${action}" first, and the node's file and options after it: conclave config ${action} ${file}`,
    );
}

/** `config show`. */
export const showConfig: Action = async ({ settings, out }, _options, file) => {
  refuseFile("show", file);
  const path = configPath(process.env);
  const entries = [
    ["api_endpoint", settings.endpoint],
    ["data_dir", settings.data],
    ["timeout_secs", settings.timeoutSeconds],
    ["output_format", settings.output],
    ["colored", settings.colored],
  ] as const;
  out.result({ file: path, settings: Object.fromEntries(entries) }, (look) => {
    const rows = entries.map(([name, { value, source }]) => [cell(name), cell(String(value)), cell(source, "neutral")]);
    return `${renderTable(["Setting", "Value", "From"], rows, look)}\n\nFile: ${path}`;
  });
  return EXIT.ok;
};

/** `config set-endpoint <url>`. Throws `CliError` (usage) for a URL that no client can use. */
export const setEndpoint: Action = async ({ settings, out }, _options, url = "") => {
  checkEndpoint(url);
  const path = configPath(process.env);
  const config = { ...readConfig(path), api_endpoint: url };
  writeWhole(path, `${JSON.stringify(config, null, 2)}\n`);
  const { source } = settings.endpoint;
  const hidden = source === "file" || source === "default" ? "" : ` For now, ${source} goes before it.`;
  out.result({ file: path, api_endpoint: url }, () => `Written to ${path}.${hidden}`);
  return EXIT.ok;
};

/** A crash leaves the old file or the new one, never half of either. */
function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `config check`: settings were read, the token is there, the node lives and can work. The last failure decides the code. */
export const checkConfig: Action = async (context, _options, file) => {
  refuseFile("check", file);
  const failures: CliError[] = [];
  const checks: Check[] = [];
  for (const [check, look] of [
    ["settings", async () => `read; asking ${context.settings.endpoint.value}`],
    ["token", async () => checkedToken(context)],
    ["node", async () => `answers, version ${(await openReader(context.settings).health()).version}`],
    [
      "ready",
      async () => `yes: ${(await openReader(context.settings).ready()).checks.map(({ name }) => name).join(", ")}`,
    ],
  ] as const) {
    try {
      checks.push({ check, ok: true, detail: await look() });
    } catch (error) {
      const failure = explain(error);
      failures.push(failure);
      checks.push({ check, ok: false, detail: failure.message });
    }
  }
  context.out.result({ ok: failures.length === 0, checks }, (look) =>
    renderList(
      checks.map(({ check, ok, detail }) => [check, cell(`${ok ? "ok" : "failed"}: ${detail}`, ok ? "good" : "bad")]),
      look,
    ),
  );
  return failures.at(-1)?.exitCode ?? EXIT.ok;
};

/** Only whether it is there and safe: the token itself is never shown. */
function checkedToken({ settings }: Context): string {
  readToken(settings);
  return `found at ${tokenPath(settings)}`;
}
