/** One etcd process on this machine. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";

/** Why tests with a real etcd cannot run here; false if they can. With `REQUIRE_ETCD=1` a missing etcd is an error. */
export function etcdMissing(): string | false {
  const { error } = spawnSync("etcd", ["--version"], { stdio: "ignore" });
  if (error === undefined) return false;
  if (process.env["REQUIRE_ETCD"] === "1")
    throw new Error('REQUIRE_ETCD=1, and there is no "etcd" to run', { cause: error });
  return 'there is no "etcd" in the path (Debian: apt install etcd-server)';
}

export class EtcdMember {
  readonly name: string;
  /** Where clients ask. */
  readonly url: string;
  /** What it keeps. */
  readonly dataFolder: string;
  readonly #folder: string;
  readonly #args: readonly string[];
  #process: ChildProcess | null = null;

  constructor(name: string, url: string, folder: string, args: readonly string[]) {
    this.name = name;
    this.url = url;
    this.#folder = folder;
    this.dataFolder = join(folder, name);
    this.#args = args;
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  /** What it said so far, for a test that fails. */
  get log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  /** The same data folder as before, if there is one. */
  start(): void {
    if (this.#process !== null) return;
    const started = spawn("etcd", [...this.#args], { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(this.#logFile, { flags: "a" });
    started.stdout.pipe(log);
    started.stderr.pipe(log);
    const kill = (): void => void started.kill("SIGKILL");
    process.once("exit", kill);
    started.once("exit", () => {
      process.off("exit", kill);
      if (this.#process === started) this.#process = null;
    });
    this.#process = started;
  }

  /** As the kernel does when memory is short. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** It stands still: its connections stay open and nothing answers. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  get #logFile(): string {
    return join(this.#folder, `${this.name}.log`);
  }

  #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const running = this.#process;
    if (running === null) return Promise.resolve();
    return new Promise((resolve) => {
      running.once("exit", () => resolve());
      running.kill("SIGCONT");
      running.kill(signal);
    });
  }
}
