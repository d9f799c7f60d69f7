/** A node in a process of its own, seen from the program that started it. */
import { fork, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Notice } from "@conclave/node";
import type { ChildMessage, ParentMessage } from "../cluster/supervisor.ts";
import { CustodyNotOpened } from "../custody-host.ts";
import { InUse } from "../in-use.ts";
import { QUESTIONS, type Speaker } from "./speaker.ts";

const COMMAND = join(import.meta.dirname, "..", "..", "..", "bin", "conclave.js");
/** A node that was told to stop drains for at most so long, then it is killed. */
const STOP_MS = 15_000;

type Said<K extends ChildMessage["kind"]> = Extract<ChildMessage, { kind: K }>;

/** Where a node's process reads its settings, and where its log goes. */
export interface NodeProcessPlace {
  readonly name: string;
  readonly configFile: string;
  readonly logFile: string;
}

/** A node's process ended although nobody stopped it. */
export class NodeEnded extends Error {
  override readonly name = "NodeEnded";
}

export class NodeProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #notify: (notice: Notice) => void;
  readonly #early: ChildMessage[] = [];
  readonly #waiting = new Map<string, (message: ChildMessage) => void>();
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #ended: Promise<Error>;
  #next = 0;
  #isOver = false;

  constructor({ name, configFile, logFile }: NodeProcessPlace, notify: (notice: Notice) => void) {
    this.name = name;
    this.#notify = notify;
    const log = openSync(logFile, "a", 0o600);
    this.#child = fork(COMMAND, ["node", "--config", configFile], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.#child.on("message", (message) => this.#heard(message as ChildMessage));
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        const error = new NodeEnded(`${name}'s process ended with ${signal ?? `code ${code}`}: its log is ${logFile}`);
        this.#isOver = true;
        for (const asked of this.#asked.values()) asked.reject(error);
        this.#asked.clear();
        resolve(error);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Resolves when the process is over, with how it ended. */
  get ended(): Promise<Error> {
    return this.#ended;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  say(message: ParentMessage): void {
    // A process that ends meanwhile hears nothing, and `ended` tells of it.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** The next message of this kind. Throws `InUse`, `CustodyNotOpened` or `NodeEnded` if the process says that it cannot, or ends. */
  async next<K extends ChildMessage["kind"]>(kind: K): Promise<Said<K>> {
    const message = await Promise.race([this.#message(kind), this.#message("failed"), this.#ended]);
    if (message instanceof Error) throw message;
    if (message.kind !== "failed" || kind === "failed") return message as Said<K>;
    throw message.inUse ? new InUse(message.message) : new CustodyNotOpened(message.message);
  }

  /** Questions to the node that it runs. */
  readonly speaker: Speaker = Object.fromEntries(
    QUESTIONS.map((question) => [question, (...args: readonly unknown[]) => this.#ask(question, args)]),
  ) as unknown as Speaker;

  /** Ends it in order, or by force if it does not end. */
  async stop(): Promise<void> {
    this.say({ kind: "stop" });
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** `SIGKILL` and the like. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #ask(question: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#next;
      if (!this.#child.connected) return void this.#ended.then(reject);
      this.#asked.set(id, { resolve, reject });
      this.say({ kind: "ask", id, question, args });
    });
  }

  #message(kind: ChildMessage["kind"]): Promise<ChildMessage> {
    const place = this.#early.findIndex((message) => message.kind === kind);
    if (place >= 0) return Promise.resolve(this.#early.splice(place, 1)[0]!);
    return new Promise((resolve) => this.#waiting.set(kind, resolve));
  }

  #heard(message: ChildMessage): void {
    if (message.kind === "notices") {
      for (const notice of message.notices) this.#notify(notice);
      return;
    }
    if (message.kind === "answer" || message.kind === "failure") {
      const asked = this.#asked.get(message.id);
      this.#asked.delete(message.id);
      if (message.kind === "answer") asked?.resolve(message.value);
      else asked?.reject(Object.assign(new Error(message.message), { name: message.name }));
      return;
    }
    const resolve = this.#waiting.get(message.kind);
    this.#waiting.delete(message.kind);
    if (resolve === undefined) this.#early.push(message);
    else resolve(message);
  }
}
