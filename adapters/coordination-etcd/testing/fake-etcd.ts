/**
 * As much of etcd's gateway as this adapter uses, in memory: honest, and open to lies. It passes the same contract as the
 * real one, so that what fails with a lie on top fails by the lie.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Kv {
  readonly key: string;
  readonly value?: string;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly version: string;
  readonly lease?: string;
}

export interface FakeEvent {
  readonly type?: "DELETE";
  readonly kv: Partial<Kv> & Pick<Kv, "key" | "mod_revision">;
}

export type Json = Readonly<Record<string, unknown>>;

interface Watch {
  readonly from: string;
  readonly to: string;
  readonly response: ServerResponse;
}

/** Writes whatever the server would say, or something else; see `lying-etcd.ts`. */
export interface Mouth {
  answer(path: string, question: Json, answer: Json, response: ServerResponse): void;
  events(answer: Json, response: ServerResponse): void;
}

const HONEST: Mouth = {
  answer: (_, __, answer, response) => void response.end(JSON.stringify(answer)),
  events: (answer, response) => void response.write(`${JSON.stringify(answer)}\n`),
};

/** Refusal, as the gateway writes it. */
class Refusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export class FakeEtcd {
  mouth: Mouth = HONEST;
  /** Questions that came. */
  asked = 0;
  readonly #server: Server;
  readonly #keys = new Map<string, Kv>();
  readonly #history: FakeEvent[] = [];
  readonly #leases = new Map<string, { readonly ttlMs: number; timer: NodeJS.Timeout }>();
  readonly #watches = new Set<Watch>();
  #revision = 1;
  #nextLease = 1_000;

  constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => void this.#serve(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get revision(): bigint {
    return BigInt(this.#revision);
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()].map((key) => Buffer.from(key, "base64").toString("utf8"));
  }

  /** Everything that ever happened, for replays. */
  get history(): readonly FakeEvent[] {
    return this.#history;
  }

  header(): Json {
    return {
      cluster_id: "14841639068965178418",
      member_id: "10276657743932975437",
      revision: `${this.#revision}`,
      raft_term: "2",
    };
  }

  async close(): Promise<void> {
    for (const { timer } of this.#leases.values()) clearTimeout(timer);
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** Takes back the last write, as if it had never been asked for. */
  undoLast(): void {
    const last = this.#history.pop();
    if (last !== undefined) this.#keys.delete(last.kv.key);
  }

  /** Ends every watch, as a member does that goes away. */
  cutWatches(): void {
    for (const { response } of this.#watches) response.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const question = JSON.parse(Buffer.concat(chunks).toString()) as Json;
    const path = request.url ?? "";
    if (path === "/v3/watch") return this.#watch(question, response);
    try {
      this.mouth.answer(path, question, this.#answer(path, question), response);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.statusCode = 400;
      response.end(JSON.stringify({ error: error.message, message: error.message, code: error.code }));
    }
  }

  #answer(path: string, question: Json): Json {
    switch (path) {
      case "/v3/kv/range":
        return this.#range(question);
      case "/v3/kv/txn":
        return this.#transact(question);
      case "/v3/lease/grant":
        return this.#grant(question);
      case "/v3/lease/keepalive":
        return { result: { header: this.header(), ID: question["ID"], ...this.#keepAlive(String(question["ID"])) } };
      case "/v3/lease/revoke":
        this.#expire(String(question["ID"]));
        return { header: this.header() };
      case "/v3/maintenance/status":
        return { header: this.header(), version: "3.4.23", leader: "10276657743932975437" };
      default:
        throw new Refusal(12, `unknown path ${path}`);
    }
  }

  #range(question: Json): Json {
    const from = Number(question["min_mod_revision"] ?? 0);
    const limit = Number(question["limit"] ?? 0);
    const found = [...this.#keys.values()]
      .filter(({ key, mod_revision }) => inRange(key, question) && Number(mod_revision) >= from)
      .toSorted((a, b) => Number(a.mod_revision) - Number(b.mod_revision));
    const kvs = limit > 0 ? found.slice(0, limit) : found;
    return {
      header: this.header(),
      kvs,
      count: `${found.length}`,
      ...(kvs.length < found.length ? { more: true } : {}),
    };
  }

  #transact(question: Json): Json {
    const [compare] = question["compare"] as readonly Json[];
    const key = String(compare!["key"]);
    const stands = this.#keys.get(key)?.mod_revision ?? "0";
    if (stands !== compare!["mod_revision"]) {
      const kvs = this.#keys.has(key) ? [this.#keys.get(key)] : [];
      return { header: this.header(), responses: [{ response_range: { header: this.header(), kvs } }] };
    }
    const [success] = question["success"] as readonly Json[];
    const put = success!["request_put"] as Json | undefined;
    if (put !== undefined)
      this.#put(key, (put["value"] as string | undefined) ?? "", put["lease"] as string | undefined);
    else if (this.#keys.has(key)) this.#delete(key);
    return { header: this.header(), succeeded: true, responses: [{}] };
  }

  #put(key: string, value: string, lease: string | undefined): void {
    if (lease !== undefined && !this.#leases.has(lease)) throw new Refusal(5, "etcdserver: requested lease not found");
    const before = this.#keys.get(key);
    const mod_revision = `${++this.#revision}`;
    const create_revision = before?.create_revision ?? mod_revision;
    const version = `${Number(before?.version ?? 0) + 1}`;
    const kv = { key, value, create_revision, mod_revision, version, ...(lease === undefined ? {} : { lease }) };
    this.#keys.set(key, kv);
    this.#tell({ kv });
  }

  #delete(key: string): void {
    this.#keys.delete(key);
    this.#tell({ type: "DELETE", kv: { key, mod_revision: `${++this.#revision}` } });
  }

  #grant(question: Json): Json {
    const id = `${this.#nextLease++}`;
    const ttlMs = Number(question["TTL"]) * 1_000;
    this.#leases.set(id, { ttlMs, timer: setTimeout(() => this.#expire(id), ttlMs).unref() });
    return { header: this.header(), ID: id, TTL: question["TTL"] };
  }

  #keepAlive(id: string): Json {
    const lease = this.#leases.get(id);
    if (lease === undefined) return {};
    clearTimeout(lease.timer);
    lease.timer = setTimeout(() => this.#expire(id), lease.ttlMs).unref();
    return { TTL: `${lease.ttlMs / 1_000}` };
  }

  #expire(id: string): void {
    clearTimeout(this.#leases.get(id)?.timer);
    this.#leases.delete(id);
    for (const { key, lease } of this.#keys.values()) if (lease === id) this.#delete(key);
  }

  #watch(question: Json, response: ServerResponse): void {
    const create = question["create_request"] as Json;
    const watch = { from: String(create["key"]), to: String(create["range_end"]), response };
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
    this.mouth.events({ result: { header: this.header(), created: true } }, response);
    const since = Number(create["start_revision"]);
    const missed = this.#history.filter(({ kv }) => Number(kv.mod_revision) >= since && inWatch(kv.key, watch));
    if (missed.length > 0) this.mouth.events({ result: { header: this.header(), events: missed } }, response);
  }

  #tell(event: FakeEvent): void {
    this.#history.push(event);
    for (const watch of this.#watches)
      if (inWatch(event.kv.key, watch))
        this.mouth.events({ result: { header: this.header(), events: [event] } }, watch.response);
  }
}

export async function startFakeEtcd(): Promise<FakeEtcd> {
  const server = createServer();
  const fake = new FakeEtcd(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return fake;
}

const plain = (encoded: unknown): string => Buffer.from(String(encoded), "base64").toString("latin1");

const inRange = (key: string, question: Json): boolean =>
  plain(key) >= plain(question["key"]) && plain(key) < plain(question["range_end"]);

const inWatch = (key: string, { from, to }: Watch): boolean => plain(key) >= plain(from) && plain(key) < plain(to);
