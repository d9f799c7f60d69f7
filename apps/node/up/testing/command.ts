/** The real `conclave` command in a process of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const COMMAND = join(import.meta.dirname, "..", "..", "..", "..", "bin", "conclave.js");

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Started {
  readonly child: ChildProcess;
  /** Lines of stdout so far. */
  readonly lines: readonly string[];
  /** stderr so far. */
  readonly errors: () => string;
  readonly ended: Promise<Ended>;
  /** The first line of stdout, past or to come, for which `pick` gives something. Throws if the process ends before. */
  line<T>(pick: (line: string) => T | undefined): Promise<T>;
}

const running = new Set<ChildProcess>();

/** Ends what is still running: for the end of a test file, whose tests may have failed half-way. */
export async function killAll(): Promise<void> {
  const ended = [...running].map((child) => new Promise((resolve) => child.once("close", resolve)));
  for (const child of running) child.kill("SIGKILL");
  await Promise.all(ended);
}

/** Starts `conclave` with these arguments, with nothing on its stdin and a home that is not there. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const lines: string[] = [];
  let errors = "";
  let hear: (() => void)[] = [];
  const wake = (): void => {
    const waiting = hear;
    hear = [];
    for (const resolve of waiting) resolve();
  };
  let over: Ended | null = null;
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      over = { code, signal };
      wake();
      resolve(over);
    });
  });
  return {
    child,
    lines,
    errors: () => errors,
    ended,
    async line(pick) {
      for (let next = 0; ; next++) {
        while (next >= lines.length) {
          if (over !== null) throw new Error(`ended with ${JSON.stringify(over)}: ${lines.join("\n")}\n${errors}`);
          await new Promise<void>((resolve) => hear.push(resolve));
        }
        const found = pick(lines[next]!);
        if (found !== undefined) return found;
      }
    },
  };
}

/** One JSON line of `conclave up --json`. */
export type PhaseLine = Readonly<Record<string, unknown>> & { readonly phase?: string };

/** The JSON line of a phase, once it is printed. */
export const phase = (process: Started, name: string): Promise<PhaseLine> =>
  process.line((line) => {
    const parsed = JSON.parse(line) as PhaseLine;
    return parsed.phase === name ? parsed : undefined;
  });

/** Runs to its end. */
export async function run(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Ended & { readonly stdout: string; readonly stderr: string }> {
  const started = start(args, env);
  const ended = await started.ended;
  return { ...ended, stdout: started.lines.join("\n"), stderr: started.errors() };
}
