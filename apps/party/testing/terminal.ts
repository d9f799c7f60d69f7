/** The command as people and scripts meet it: in a process of its own, or (quicker) inside this one. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../index.ts";

const COMMAND = join(import.meta.dirname, "..", "..", "..", "bin", "conclave.js");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder for one test, with a password file in it and a `conclave` to call by name. */
export class Desk {
  readonly folder = mkdtempSync(join(tmpdir(), "conclave-party-"));
  readonly passwordFile = join(this.folder, "password");
  readonly #children = new Set<ChildProcess>();

  constructor() {
    writeFileSync(this.passwordFile, "correct horse battery staple\n", { mode: 0o600 });
    const call = `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`;
    writeFileSync(join(this.folder, "conclave"), call, { mode: 0o700 });
  }

  dispose(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Run shell text as if typed in a terminal in this folder. `onLine`: each line on stderr, with the process it came from. */
  async type(
    script: string,
    env: Readonly<Record<string, string>> = {},
    onLine: (line: string, child: ChildProcess) => void = () => {},
  ): Promise<Outcome> {
    const child = spawn("bash", ["-e", "-c", script], {
      cwd: this.folder,
      env: {
        HOME: this.folder,
        PATH: `${this.folder}:${process.env["PATH"] ?? ""}`,
        CONCLAVE_PASSWORD_FILE: this.passwordFile,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#children.add(child);
    let [stdout, stderr, rest] = ["", "", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) onLine(line, child);
    });
    const code = await new Promise<number | null>((resolve) => {
      child.on("close", resolve);
    });
    this.#children.delete(child);
    return { code, stdout, stderr };
  }
}

/** Kill all that a terminal runs, as a power cut does. */
export function cutPower({ pid }: ChildProcess): void {
  process.kill(-pid!, "SIGKILL");
}

/** `conclave party …` inside this process, with this environment and no other. */
export async function party(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  const code = await main(args, {
    env,
    writeOut: (text) => {
      stdout += text;
    },
    writeErr: (text) => {
      stderr += text;
    },
  });
  return { code, stdout, stderr };
}
