/**
 * A real etcd of one or three members in a folder of its own, on ports that were free. Quick elections and no fsync: what the
 * tests kill is processes, not machines.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { watchQuestion } from "../calls.ts";
import { systemClock } from "../clock.ts";
import { EtcdGateway } from "../gateway.ts";
import { Endpoint, type EtcdTls } from "../http.ts";
import type { EtcdCredentials } from "../options.ts";
import { parseJson, parseWatch } from "../shapes.ts";
import { EtcdMember } from "./etcd-member.ts";
import type { TestAuthority } from "./certificates.ts";

export interface EtcdClusterOptions {
  readonly members?: 1 | 3;
  /** With it, etcd speaks TLS and asks clients for a certificate. */
  readonly authority?: TestAuthority;
  /** With it, this user may read and write below `/conclave/` and nobody else may. */
  readonly user?: EtcdCredentials;
  readonly quotaBytes?: number;
  readonly maxRequestBytes?: number;
}

const HEARTBEAT_MS = 50;
const ELECTION_MS = 500;
const PATIENCE_MS = 20_000;
/** A free port may be taken before etcd binds it. */
const START_TRIES = 3;

export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  /** How a client of it connects. */
  readonly tls: EtcdTls;
  readonly #folder: string;
  #token: string | null = null;

  constructor(members: readonly EtcdMember[], tls: EtcdTls, folder: string) {
    this.members = members;
    this.tls = tls;
    this.#folder = folder;
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ url }) => url);
  }

  /** Ask a running member; throws whatever etcd answers instead. */
  async ask(
    path: string,
    question: object,
    member = this.members.find(({ isRunning }) => isRunning)!,
  ): Promise<Answer> {
    const { status, body } = await post(`${member.url}${path}`, question, this.tls, this.#token);
    if (status !== 200) throw new Error(`${path} at ${member.name}: ${status} ${body}`);
    return JSON.parse(body) as Answer;
  }

  /** Ask until it works. */
  async insist(path: string, question: object): Promise<Answer> {
    const deadlineMs = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await this.ask(path, question);
      } catch (error) {
        if (Date.now() > deadlineMs) throw error;
        await wait(30);
      }
    }
  }

  async leader(): Promise<EtcdMember> {
    const deadlineMs = Date.now() + PATIENCE_MS;
    while (Date.now() < deadlineMs) {
      for (const member of this.members.filter(({ isRunning }) => isRunning)) {
        const status = await this.ask("/v3/maintenance/status", {}, member).catch(() => null);
        if (status?.leader !== undefined && status.leader === status.header.member_id) return member;
      }
      await wait(30);
    }
    throw new Error(`no leader within ${PATIENCE_MS} ms: ${this.members.map(({ log }) => log.slice(-500)).join("\n")}`);
  }

  /** Names of all keys, in order. */
  async keys(): Promise<readonly string[]> {
    const everything = { key: base64("\0"), range_end: base64("\0"), keys_only: true };
    const { kvs = [] } = await this.insist("/v3/kv/range", everything);
    return kvs.map(({ key }) => Buffer.from(key, "base64").toString("utf8"));
  }

  /** Names of all keys below a prefix that were ever written, also ones that are gone by now, unless history was forgotten. */
  async everWritten(prefix: string): Promise<readonly string[]> {
    const end = `${prefix}~`;
    await this.put(end, "");
    const url = this.members.find(({ isRunning }) => isRunning)!.url;
    const parts = { endpoints: [new Endpoint(new URL(url), this.tls, systemClock)], deadlineMs: PATIENCE_MS };
    const gateway = new EtcdGateway({ ...parts, answered: () => {}, lied: () => {} });
    const found = new Set<string>();
    try {
      const stream = await gateway.stream("/v3/watch", watchQuestion(prefix, 1n));
      for await (const line of stream.lines) {
        const { events } = parseWatch(parseJson(line), prefix);
        for (const { kind, key } of events) if (kind === "put") found.add(key);
        if (found.delete(end)) break;
      }
      return [...found];
    } finally {
      gateway.close();
      await this.delete(end);
    }
  }

  async put(key: string, value: string): Promise<void> {
    await this.insist("/v3/kv/put", { key: base64(key), value: base64(value) });
  }

  async delete(key: string): Promise<void> {
    await this.insist("/v3/kv/deleterange", { key: base64(key) });
  }

  async revision(): Promise<bigint> {
    return BigInt((await this.insist("/v3/kv/range", { key: base64("\0") })).header.revision);
  }

  /** Forget all history. */
  async compact(): Promise<void> {
    await this.insist("/v3/kv/compaction", { revision: (await this.revision()).toString(), physical: true });
  }

  /** What an operator does for a database that is full. */
  async makeRoom(): Promise<void> {
    await this.compact();
    await this.insist("/v3/maintenance/defragment", {});
    // What was refused before may raise the alarm once more after it was taken back.
    for (;;) {
      const { alarms = [] } = await this.insist("/v3/maintenance/alarm", { action: "GET" });
      if (alarms.length === 0) return;
      for (const alarm of alarms) await this.insist("/v3/maintenance/alarm", { action: "DEACTIVATE", ...alarm });
      await wait(100);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A user without any role. */
  async addUser(name: string, password: string): Promise<void> {
    // Tokens are in the members' memory, which a test may have killed.
    await this.#becomeRoot();
    await this.insist("/v3/auth/user/add", { name, password });
  }

  /** From now on nobody but root and this user may do anything. */
  async enableAuthentication(user: EtcdCredentials): Promise<void> {
    await this.insist("/v3/auth/user/add", ROOT);
    await this.ask("/v3/auth/user/grant", { user: "root", role: "root" });
    await this.ask("/v3/auth/role/add", { name: "node" });
    const perm = { permType: "READWRITE", key: base64("/conclave/"), range_end: base64("/conclave0") };
    await this.ask("/v3/auth/role/grant", { name: "node", perm });
    await this.ask("/v3/auth/user/add", { name: user.user, password: user.password });
    await this.ask("/v3/auth/user/grant", { user: user.user, role: "node" });
    await this.ask("/v3/auth/enable", {});
    await this.#becomeRoot();
  }

  async #becomeRoot(): Promise<void> {
    this.#token = null;
    this.#token = (await this.insist("/v3/auth/authenticate", ROOT)).token ?? null;
  }
}

const ROOT = { name: "root", password: "test-root" };

/** As much of etcd's answers as tests look at. */
export interface Answer {
  readonly header: { readonly revision: string; readonly member_id: string };
  readonly leader?: string;
  readonly token?: string;
  readonly alarms?: readonly { readonly memberID: string; readonly alarm: string }[];
  readonly kvs?: readonly { readonly key: string; readonly value: string }[];
}

export async function startEtcd(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
  for (let tries = 1; ; tries++) {
    const cluster = await spawnMembers(options);
    try {
      await cluster.leader();
      if (options.user !== undefined) await cluster.enableAuthentication(options.user);
      return cluster;
    } catch (error) {
      await cluster.close();
      if (tries >= START_TRIES) throw error;
    }
  }
}

async function spawnMembers({
  members: count = 1,
  authority,
  quotaBytes,
  maxRequestBytes,
}: EtcdClusterOptions): Promise<EtcdCluster> {
  const folder = mkdtempSync(join(tmpdir(), "conclave-etcd-"));
  const ports = await freePorts(2 * count);
  const scheme = authority === undefined ? "http" : "https";
  const places = Array.from({ length: count }, (_, i) => ({
    name: `m${i + 1}`,
    client: `${scheme}://127.0.0.1:${ports[2 * i]}`,
    peer: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }));
  const initial = places.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const tls = authority === undefined ? {} : tlsFlags(folder, authority);
  const members = places.map(({ name, client, peer }) => {
    const data = join(folder, name);
    mkdirSync(data, { mode: 0o700 });
    const flags = {
      name,
      "data-dir": data,
      "initial-cluster": initial,
      "initial-cluster-token": folder,
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "heartbeat-interval": HEARTBEAT_MS,
      "election-timeout": ELECTION_MS,
      "unsafe-no-fsync": true,
      // Passwords of tests need no protection from guessing, which costs a second each.
      "bcrypt-cost": 4,
      logger: "zap",
      "log-level": "warn",
      ...(quotaBytes === undefined ? {} : { "quota-backend-bytes": quotaBytes }),
      ...(maxRequestBytes === undefined ? {} : { "max-request-bytes": maxRequestBytes }),
      ...tls,
    };
    return new EtcdMember(
      name,
      client,
      folder,
      Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    );
  });
  for (const member of members) member.start();
  const own = authority === undefined ? {} : { ca: authority.ca, ...authority.client };
  return new EtcdCluster(members, own, folder);
}

function tlsFlags(folder: string, { ca, server }: TestAuthority) {
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  return {
    "cert-file": file("server.pem", server.cert),
    "key-file": file("server.key", server.key),
    "trusted-ca-file": file("ca.pem", ca),
    "client-cert-auth": true,
  };
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, "127.0.0.1", done))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

const ANSWER_MS = 5_000;

const post = (
  url: string,
  question: object,
  tls: EtcdTls,
  token: string | null,
): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const headers = token === null ? {} : { authorization: token };
    const request = send(url, { ...tls, method: "POST", headers, timeout: ANSWER_MS, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    request.on("error", reject);
    request.end(JSON.stringify(question));
  });

const base64 = (text: string): string => Buffer.from(text).toString("base64");
