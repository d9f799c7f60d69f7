/** `conclave config check FILE` and `config show FILE`: the configuration of a node, before it is started with it. */
import { styleText } from "node:util";
import type { Command } from "commander";

/** As the wallet command's: something that was configured is wrong. */
const EXIT_WRONG = 2;

interface Flags {
  readonly json?: true;
}

export function addConfig(program: Command, ended: (code: number) => void): void {
  const config = program.command("config").description("a node's configuration");
  config
    .command("show")
    .description("every setting, its value, and where it comes from")
    .argument("<file>", "config.json of a node")
    .option("--json", "for programs")
    .action(async (file: string, { json }: Flags) => {
      const { resolveConfig, variableOf } = await import("../config.ts");
      const { config: settings, sources } = resolveConfig(file, process.env);
      const rows = (Object.keys(sources) as (keyof typeof sources)[]).map((key) => {
        const source = sources[key] === "environment" ? `environment ${variableOf(key)}` : sources[key];
        return { setting: key, value: shownOf(key, settings[key]), source };
      });
      if (json === true) return console.log(JSON.stringify({ file, settings: rows }, null, 2));
      const shown = rows.map(({ setting, value, source }) => [setting, printed(value), source] as const);
      const widths = [0, 1].map((i) => Math.max(...shown.map((row) => row[i]!.length)));
      for (const row of shown) console.log(`${row[0].padEnd(widths[0]!)}  ${row[1].padEnd(widths[1]!)}  ${row[2]}`);
      return undefined;
    });
  config
    .command("check")
    .description("settings, files, charter, certificate and ports")
    .argument("<file>", "config.json of a node")
    .option("--json", "for programs")
    .action(async (file: string, { json }: Flags) => {
      const { checkNode } = await import("./check.ts");
      const checks = await checkNode(file, Date.now());
      const ok = checks.every((check) => check.ok);
      if (json === true) console.log(JSON.stringify({ ok, checks }, null, 2));
      else
        for (const check of checks)
          console.log(
            `${check.ok ? styleText("green", "ok    ") : styleText("red", "failed")}  ${check.check.padEnd(13)}${check.detail}`,
          );
      ended(ok ? 0 : EXIT_WRONG);
    });
}

/** A password in a URL is for the server's eyes. */
const shownOf = (key: string, value: unknown): unknown =>
  key === "postgres_url" && typeof value === "string"
    ? value.replace(/^(?<user>\w+:\/\/[^:@/]*):[^/]*@/, "$<user>:…@")
    : (value ?? null);

const printed = (value: unknown): string =>
  value === null ? "not set" : typeof value === "string" ? value : JSON.stringify(value);
