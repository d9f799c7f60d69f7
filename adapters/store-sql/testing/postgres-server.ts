/**
 * A PostgreSQL server of one test file's own: real, in a private folder, on a free port, gone afterwards. PostgreSQL refuses to
 * run as root, so that root starts it as `postgres`, or as `nobody` where there is no such user.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

/** A loaded machine takes seconds for what an idle one does in a tenth of one. */
const START_PATIENCE_MS = 60_000;
const POLL_MS = 20;
const USER = "conclave";
/** Stands in URLs: what no error may ever show. */
const PASSWORD = "open-sesame-0";
/** Tests make hundreds of tables and wait for every commit: a disk that others use, too, would be most of their time. */
const MEMORY_FOLDER = "/dev/shm";
const NOBODY = { uid: 65_534, gid: 65_534 };

export interface PostgresServer {
  readonly port: number;
  readonly password: string;
  /** An address of this server; other parts than usual if given. */
  url(parts?: {
    readonly database?: string;
    readonly password?: string;
    readonly port?: number;
    readonly user?: string;
    readonly search?: string;
  }): string;
  /** Runs SQL as the server's operator, on a connection of its own. */
  sql(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Stops it: at once (`fast`), or as a power cut would (`kill`). Resolves when it is gone. */
  stop(how?: "fast" | "kill"): Promise<void>;
  /** Starts it again after `stop`, with settings beside the usual ones. */
  start(settings?: Readonly<Record<string, string>>): Promise<void>;
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Its folder, which its account can enter. */
  readonly folder: string;
  /** Makes what stands at `path` its account's own. */
  own(path: string): void;
  /**
   * Gives it a certificate of its own making for a name (`DNS:…` or `IP:…`), to be used from the next start on with
   * `TLS_SETTINGS`. Returns the file that clients trust. Needs `openssl`.
   */
  certify(name: string): string;
  dispose(): Promise<void>;
}

/** Settings of a server that was given a certificate. */
export const TLS_SETTINGS = { ssl: "on", ssl_cert_file: "server.crt", ssl_key_file: "server.key" };

/** Why no server can be started here; null if one can. Throws where `REQUIRE_POSTGRES=1` says that there has to be one. */
export function postgresMissing(): string | null {
  if (binaries() !== null) return null;
  const reason = "PostgreSQL is not installed (Debian: apt install postgresql): this test needs its server";
  if (process.env["REQUIRE_POSTGRES"] === "1") throw new Error(reason);
  return reason;
}

/** The folder of `initdb` and `postgres`: the newest of Debian's, or where PATH has them. */
function binaries(): string | null {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(debian, version, "bin"));
  const onPath = (process.env["PATH"] ?? "").split(":");
  return [...newestFirst, ...onPath].find((folder) => existsSync(join(folder, "initdb"))) ?? null;
}

function account(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith("postgres:"));
  const [, , uid, gid] = (line ?? "").split(":");
  return uid === undefined ? NOBODY : { uid: Number(uid), gid: Number(gid) };
}

/** Memory if the machine lends some as files, else where temporary files go. */
function place(): string {
  try {
    accessSync(MEMORY_FOLDER, constants.W_OK);
    return MEMORY_FOLDER;
  } catch {
    return tmpdir();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}

/** Starts a server with `settings` beside the usual ones. It asks for syncs as in production, wherever its files are. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const bin = binaries();
  if (bin === null) throw new Error(postgresMissing() ?? "PostgreSQL is not installed");
  const folder = mkdtempSync(join(place(), "conclave-postgres-"));
  const owner = account();
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid ?? owner.uid);
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o644 });
  const made = spawnSync(
    join(bin, "initdb"),
    [
      "-D",
      join(folder, "data"),
      "-U",
      USER,
      "-A",
      "scram-sha-256",
      "-E",
      "UTF8",
      "--locale=C",
      "--no-sync",
      "--no-instructions",
      "--pwfile",
      passwordFile,
    ],
    { ...owner, cwd: folder, encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const server = new RunningServer({ bin, folder, owner, port: await freePort(), settings });
  await server.start();
  return server;
}

interface Parts {
  readonly bin: string;
  readonly folder: string;
  readonly owner: { readonly uid?: number; readonly gid?: number };
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** Small and quick: tests have few rows and few connections. */
const USUAL = {
  listen_addresses: "127.0.0.1",
  shared_buffers: "16MB",
  max_connections: "40",
  jit: "off",
  autovacuum: "off",
  log_min_messages: "fatal",
  log_min_error_statement: "panic",
};

class RunningServer implements PostgresServer {
  readonly port: number;
  readonly password = PASSWORD;
  readonly folder: string;
  readonly #parts: Parts;
  #child: ChildProcess | null = null;
  readonly #atExit = (): void => {
    this.#child?.kill("SIGQUIT");
  };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.port = parts.port;
    this.folder = parts.folder;
    process.on("exit", this.#atExit);
  }

  url({ database = "postgres", password = PASSWORD, port = this.port, user = USER, search = "" } = {}): string {
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}${search}`;
  }

  async sql(text: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.url() });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as readonly Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  own(path: string): void {
    const { uid, gid } = this.#parts.owner;
    if (uid !== undefined) chownSync(path, uid, gid ?? uid);
  }

  certify(name: string): string {
    const inData = (file: string): string => join(this.folder, "data", file);
    const [key, certificate] = [inData(TLS_SETTINGS.ssl_key_file), inData(TLS_SETTINGS.ssl_cert_file)];
    const make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const made = spawnSync(
      "openssl",
      [...make, "-subj", "/CN=test", "-addext", `subjectAltName=${name}`, "-keyout", key, "-out", certificate],
      { encoding: "utf8" },
    );
    if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.stderr ?? made.error?.message}`);
    chmodSync(key, 0o600);
    for (const file of [key, certificate]) this.own(file);
    return certificate;
  }

  async start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const { bin, folder, owner } = this.#parts;
    const all = {
      ...USUAL,
      ...this.#parts.settings,
      ...settings,
      port: String(this.port),
      unix_socket_directories: folder,
    };
    const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(join(bin, "postgres"), ["-D", join(folder, "data"), ...flags], {
      ...owner,
      cwd: folder,
      stdio: "ignore",
    });
    this.#child = child;
    const deadlineMs = performance.now() + START_PATIENCE_MS;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || performance.now() > deadlineMs) throw new Error("PostgreSQL did not start");
      await sleep(POLL_MS);
    }
  }

  async stop(how: "fast" | "kill" = "fast"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    // SIGINT is PostgreSQL's fast shutdown. SIGQUIT leaves everything as it is: at the next start it recovers as from a crash.
    child.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
    await gone;
  }

  async restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.stop();
    await this.start(settings);
  }

  async dispose(): Promise<void> {
    await this.stop("kill");
    process.off("exit", this.#atExit);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    try {
      await this.sql("select 1");
      return true;
    } catch {
      return false;
    }
  }
}
