/** The real `conclave` command, as a process of its own without a terminal, in a home of its own. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { open, PAYMENT, TOKEN, type Opened } from "./wire.ts";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Home {
  readonly folder: string;
  /** The network's folder, with a token file. */
  readonly data: string;
  readonly config: string;
  /** Runs `conclave` in this home. */
  readonly conclave: (args: readonly string[], env?: Record<string, string>) => Promise<Ran>;
}

export interface Scene extends Opened, Home {
  /** Runs the command against this scene's node and network folder. */
  readonly here: (...args: readonly string[]) => Promise<Ran>;
}

/** A server in front of a fake node, and a home from which the command asks it. */
export async function scene(t: TestContext): Promise<Scene> {
  const opened = await open(t);
  const home = makeHome(t);
  const here: Scene["here"] = (...args) =>
    home.conclave([...args, "--api-endpoint", opened.server.url, "--data", home.data]);
  return { ...opened, ...home, here };
}

export const SEND = ["send", "--to", PAYMENT.recipient, "--amount", String(PAYMENT.amount_sats)] as const;

/** What `--json` printed on stdout. */
export const resultIn = ({ stdout }: Ran): unknown => JSON.parse(stdout);

/** What `--json` printed on stderr when it failed. */
export const failureIn = ({ stderr }: Ran) =>
  (
    JSON.parse(stderr) as {
      readonly error: { readonly problem: string; readonly detail: string; readonly exit_code: number };
    }
  ).error;

const COMMAND = join(import.meta.dirname, "..", "..", "..", "..", "bin", "conclave.js");

/** An empty home with a network's token; removed when the test ends. */
export function makeHome(t: TestContext): Home {
  const folder = mkdtempSync(join(tmpdir(), "conclave-cli-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, "network");
  const config = join(folder, "config", "conclave", "config.json");
  mkdirSync(data);
  mkdirSync(join(folder, "config", "conclave"), { recursive: true });
  writeFileSync(join(data, "api-token"), `${TOKEN}\n`, { mode: 0o600 });
  const conclave: Home["conclave"] = (args, env = {}) => run(folder, args, env);
  return { folder, data, config, conclave };
}

function run(folder: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, XDG_CONFIG_HOME: join(folder, "config"), ...env },
      // An open pipe that never says anything: who asks a question here waits for ever.
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 20_000,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
