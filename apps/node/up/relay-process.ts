/** The relay of a local network, in a process of its own, as an operator would run it. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Folder } from "./folder.ts";

const COMMAND = join(import.meta.dirname, "..", "..", "..", "bin", "conclave.js");

export interface RelayProcess {
  readonly url: string;
  /** As a power cut does it. */
  kill(): Promise<void>;
  /** After `kill` or `stop`: the same again, with nothing remembered. */
  start(): void;
  stop(): Promise<void>;
}

export function startRelayProcess({ root }: Folder, port: number): RelayProcess {
  let child: ChildProcess | null = null;
  const start = (): void => {
    if (child !== null) return;
    const log = openSync(join(root, "relay.log"), "a", 0o600);
    child = spawn(process.execPath, [COMMAND, "relay", "--listen", `127.0.0.1:${port}`], {
      stdio: ["ignore", log, log],
    });
    closeSync(log);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const over = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill(signal);
    await over;
  };
  start();
  return { url: `http://127.0.0.1:${port}`, start, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}
