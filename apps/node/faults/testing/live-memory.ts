/**
 * What a process still holds once its garbage is collected, asked of its debugger: how much V8 has not collected yet says nothing
 * about a leak, and a process of five on two cores collects late.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { FaultyCluster } from "./cluster.ts";
import { memoryOf } from "./memory.ts";
import type { Trials } from "./trials.ts";

/** Processes that are to be asked start with this: their debuggers choose ports of their own, once they are woken. */
export const ASKABLE = "--inspect-port=127.0.0.1:0";

const WAKES_MS = 20_000;
const LOOK_MS = 50;
/** The allocator gives pages back a moment after V8 did. */
const SETTLES_MS = 500;
const BYTES_PER_MIB = 1 << 20;

export interface LiveMemory {
  /** Of the objects of all threads: the node's own and custody's. */
  readonly heapMib: number;
  /** Of the whole process. */
  readonly rssMib: number;
}

/** Collects the garbage of a node's threads and tells what is left. Throws if its debugger does not wake. */
export async function liveMemory(cluster: FaultyCluster, place: number): Promise<LiveMemory> {
  const debugger_ = await Debugger.of(await address(cluster, place));
  try {
    const threads = await debugger_.threads();
    for (const ask of [...threads, ...threads]) await ask("HeapProfiler.collectGarbage");
    await delay(SETTLES_MS);
    let heapBytes = 0;
    for (const ask of threads)
      heapBytes += ((await ask("Runtime.getHeapUsage")) as { readonly usedSize: number }).usedSize;
    return {
      heapMib: Math.round(heapBytes / BYTES_PER_MIB),
      rssMib: memoryOf(cluster.process(place).pid).nowMib,
    };
  } finally {
    debugger_.close();
  }
}

/** Of every node that is awake, one after the other: collecting takes a core for a moment. */
export async function liveMemories(cluster: FaultyCluster): Promise<readonly LiveMemory[]> {
  const memories: LiveMemory[] = [];
  for (const place of cluster.awake) memories.push(await liveMemory(cluster, place));
  return memories;
}

/** What may be left of a fault that is over: caches that fill once, code that was compiled, the allocator's holes. */
const MAX_KEPT: LiveMemory = { heapMib: 16, rssMib: 96 };

/** The same nodes as `first` told of hold little more now than then. */
export async function keepsNothing(
  cluster: FaultyCluster,
  t: TestContext,
  { first, figure }: { readonly first: readonly LiveMemory[]; readonly figure: Trials["figure"] },
): Promise<void> {
  const now = await liveMemories(cluster);
  t.diagnostic(`garbage collected, before: ${JSON.stringify(first)}, now: ${JSON.stringify(now)}`);
  const kept = (of: keyof LiveMemory): number => Math.max(...now.map((memory, i) => memory[of] - first[i]![of]));
  figure("kept afterwards, MiB of heap", kept("heapMib"));
  figure("kept afterwards, MiB of RSS", kept("rssMib"));
  assert(kept("heapMib") <= MAX_KEPT.heapMib, `a process keeps ${kept("heapMib")} MiB of objects more`);
  assert(kept("rssMib") <= MAX_KEPT.rssMib, `a process keeps ${kept("rssMib")} MiB more`);
}

/** Where the debugger listens, as it says in the node's log once a signal woke it. */
async function address(cluster: FaultyCluster, place: number): Promise<string> {
  const endMs = performance.now() + WAKES_MS;
  cluster.process(place).signal("SIGUSR1");
  for (;;) {
    const found = /Debugger listening on (?<url>ws:\/\/127\.0\.0\.1:\d+\/[\w-]+)(?![\s\S]*Debugger listening)/.exec(
      cluster.log(place),
    );
    if (found !== null) return found.groups!["url"]!;
    if (performance.now() > endMs) throw new Error(`node${place + 1}'s debugger did not wake in ${WAKES_MS} ms`);
    await delay(LOOK_MS);
  }
}

/** One thread's debugger: a method and its parameters, as V8's inspector protocol names them. */
type Ask = (method: string, params?: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** What a debugger says: an answer to what was asked, or news. */
interface Said {
  readonly id?: number;
  readonly result?: unknown;
  readonly method?: string;
  readonly params?: { readonly sessionId: string; readonly message: string };
}

class Debugger {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  /** Sessions of the process's other threads. */
  readonly #workers: string[] = [];
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(String(data)) as Said));
  }

  #hear({ id, result, method, params }: Said): void {
    if (id !== undefined) this.#waiting.get(id)?.(result);
    if (method === "NodeWorker.attachedToWorker") this.#workers.push(params!.sessionId);
    if (method === "NodeWorker.receivedMessageFromWorker") this.#hear(JSON.parse(params!.message) as Said);
  }

  static async of(url: string): Promise<Debugger> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`no debugger at ${url}`)));
    });
    return new Debugger(socket);
  }

  /** The main thread first; the others that run now. */
  async threads(): Promise<readonly Ask[]> {
    await this.#ask("NodeWorker.enable", { waitForDebuggerOnStart: false });
    return [
      (method, params) => this.#ask(method, params),
      ...this.#workers.map(
        (session): Ask =>
          (method, params) =>
            this.#askWorker(session, method, params),
      ),
    ];
  }

  #ask(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#answered((id) => this.#socket.send(JSON.stringify({ id, method, params })));
  }

  #askWorker(sessionId: string, method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#answered((id) => {
      const message = JSON.stringify({ id, method, params });
      void this.#ask("NodeWorker.sendMessageToWorker", { sessionId, message });
    });
  }

  #answered(send: (id: number) => void): Promise<unknown> {
    const id = ++this.#asked;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      send(id);
    });
  }

  close(): void {
    this.#socket.close();
  }
}
