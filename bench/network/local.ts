/** A network of five in a process and a folder of its own, driven through what it prints and its API. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Phase {
  readonly phase: string;
  readonly ms: number;
  readonly apis?: readonly string[];
  readonly nodes?: readonly string[];
  readonly address?: string;
  readonly pids?: readonly number[];
}

/** Something that a node did, with the machine's time. */
export interface NodeEvent {
  readonly event: string;
  readonly at_ms: number;
  readonly node: string;
  /** The node's place in the roster, from 0. */
  readonly place: number;
  readonly request?: string;
  readonly state?: string;
  readonly key?: string;
}

type Answer = Readonly<Record<string, unknown>>;

export interface LocalNetwork {
  readonly apis: readonly string[];
  /** Processes that nodes run in. */
  readonly pids: readonly number[];
  /** A phase, once it is over. */
  phase(name: string): Promise<Phase>;
  /** Milliseconds of the phases so far. */
  phases(): Readonly<Record<string, number>>;
  /** A place among the events, to look from. */
  mark(): number;
  event(from: number, pick: (event: NodeEvent) => boolean): Promise<NodeEvent>;
  /** The first `count` of them. */
  events(from: number, count: number, pick: (event: NodeEvent) => boolean): Promise<readonly NodeEvent[]>;
  /** Calls `hear` for every event from now on, until the returned function is called. */
  listen(hear: (event: NodeEvent) => void): () => void;
  get(node: number, path: string): Promise<Answer>;
  post(node: number, path: string, body: Answer, idempotencyKey?: string): Promise<Answer>;
  stop(): Promise<void>;
}

const COMMAND = join(import.meta.dirname, "..", "..", "bin", "conclave.js");

/** High enough not to meet what people run, and different from run to run. */
const portBase = (): number => 34_000 + (process.pid % 20_000);

/** Resolves when the nodes are up; what they do then is told by `phase` and `event`. */
export async function startNetwork(flags: readonly string[]): Promise<LocalNetwork> {
  const data = mkdtempSync(join(tmpdir(), "conclave-bench-"));
  const args = [COMMAND, "up", "--json", "--data", data, "--port-base", String(portBase()), ...flags];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [phases, events]: [Phase[], NodeEvent[]] = [[], []];
  const listeners = new Set<() => void>();
  let over = false;
  const wake = (): void => {
    for (const listener of listeners) listener();
  };
  const ended = new Promise<void>((resolve) =>
    child.once("close", () => {
      over = true;
      wake();
      resolve();
    }),
  );
  createInterface({ input: child.stdout }).on("line", (line) => {
    const said = JSON.parse(line) as Phase | Omit<NodeEvent, "place">;
    if ("phase" in said) phases.push(said);
    else events.push({ ...said, place: phases[0]!.nodes!.indexOf(said.node) });
    wake();
  });
  /** Looks whenever something was said. Rejects when the process ends. */
  const until = <T>(what: string, look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const again = (): void => {
        const found = look();
        if (found === undefined && !over) return;
        listeners.delete(again);
        if (found === undefined) reject(new Error(`the network ended before ${what}`));
        else resolve(found);
      };
      listeners.add(again);
      again();
    });
  const phase = (name: string): Promise<Phase> => until(name, () => phases.find((known) => known.phase === name));
  const some = (from: number, count: number, pick: (event: NodeEvent) => boolean) =>
    until("an event", () => {
      const found = events.slice(from).filter(pick);
      return found.length >= count ? found.slice(0, count) : undefined;
    });
  const stop = async (): Promise<void> => {
    child.kill("SIGINT");
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const { apis = [], pids = [] } = await phase("nodes up");
    return {
      apis,
      pids,
      phase,
      phases: () => Object.fromEntries(phases.map(({ phase: name, ms }) => [name, ms])),
      mark: () => events.length,
      event: async (from, pick) => (await some(from, 1, pick))[0]!,
      events: some,
      listen(hear) {
        let next = events.length;
        const listener = (): void => {
          for (; next < events.length; next++) hear(events[next]!);
        };
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      ...apiOf(apis, readFileSync(join(data, "api-token"), "utf8").trim()),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The nodes' APIs, by place. */
export function apiOf(apis: readonly string[], token: string): Pick<LocalNetwork, "get" | "post"> {
  const headers = { authorization: `Bearer ${token}` };
  return {
    get: async (node, path) => answer(await fetch(`${apis[node]}${path}`, { headers })),
    async post(node, path, body, idempotencyKey) {
      const key = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
      const all = { ...headers, "content-type": "application/json", ...key };
      return answer(await fetch(`${apis[node]}${path}`, { method: "POST", headers: all, body: JSON.stringify(body) }));
    },
  };
}

async function answer(response: Response): Promise<Answer> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}
