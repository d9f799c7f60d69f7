/**
 * Where PostgreSQL is, from a URL as libpq writes it. Understood strictly: a setting that is not known is refused, and the
 * environment stands in for none, so that a typing error never means "without encryption".
 */
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { StoreUnavailable } from "@conclave/node";

/** What `pg` needs to connect, and what may be shown to people. */
export interface PostgresAddress {
  /** A name, an IP address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Hands the password over when the server asks for it; nothing that is printed holds it. Throws if there is none. */
  readonly password: () => string;
  readonly ssl: false | TlsOptions;
  /** The address without its password. */
  readonly shown: string;
}

/** Options of `node:tls`, as far as they are used here. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly checkServerIdentity?: () => undefined;
}

const DEFAULT_PORT = 5432;
const MAX_PORT = 65_535;
const PARAMETERS = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey"];
/** `prefer` and `allow` of libpq fall back to no encryption at all when somebody in between asks for it. */
const SSL_MODES = ["disable", "require", "verify-ca", "verify-full"] as const;
const GROUP_AND_OTHERS = 0o077;
/** An address up to its missing host; and what stands in for one. Labels of host names never begin or end with a hyphen. */
const HOSTLESS = /^([a-z]+:\/\/[^/]*@)\//;
const NO_HOST = "-none-";

/**
 * Parses `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…&sslrootcert=FILE`; `?host=/FOLDER` names a Unix socket.
 * Without `sslmode`, an address of this machine is used unencrypted, and any other with `verify-full`.
 * `passwordFile` stands in for a password in the URL. Throws `StoreUnavailable` that says what is wrong, and no secret.
 */
export function parseAddress(url: string, { passwordFile }: { readonly passwordFile?: string } = {}): PostgresAddress {
  const parsed = parseUrl(url);
  const parameters = parametersOf(parsed);
  const named = parsed.hostname === NO_HOST ? "" : decoded(parsed.hostname.replace(/^\[(.+)\]$/, "$1"), "host");
  const host = parameters.get("host") ?? named;
  const user = decoded(parsed.username, "user");
  const database = decoded(parsed.pathname.slice(1), "database");
  if (host === "") refuse("it names no host");
  if (parameters.has("host") && !host.startsWith("/")) refuse("its host= is not the folder of a Unix socket");
  if (user === "") refuse("it names no user");
  if (database === "" || database.includes("/")) refuse("it names no database");
  const port = parsed.port === "" ? DEFAULT_PORT : Number(parsed.port);
  if (port < 1 || port > MAX_PORT) refuse("its port is none");
  const place = host.includes(":") ? `[${host}]` : host;
  const shown = `postgres://${encodeURIComponent(user)}@${place}:${port}/${encodeURIComponent(database)}`;
  const password = passwordOf(decoded(parsed.password, "password"), passwordFile);
  return { host, port, user, database, password, ssl: tlsOf(host, parameters), shown };
}

/** Never with the URL itself in the message or as a cause: it holds a password. */
function refuse(reason: string): never {
  throw new StoreUnavailable(
    "unavailable",
    `the address of PostgreSQL cannot be used: ${reason}. Write postgres://USER:PASSWORD@HOST:PORT/DATABASE`,
  );
}

function parseUrl(url: string): URL {
  // libpq leaves the host of a Unix socket out, which URLs of other kinds may not.
  const whole = url.replace(HOSTLESS, `$1${NO_HOST}/`);
  const parsed = URL.canParse(whole) ? new URL(whole) : refuse("it is no URL");
  if (parsed.protocol !== "postgres:" && parsed.protocol !== "postgresql:")
    refuse(`it begins with ${parsed.protocol}// and not with postgres://`);
  if (parsed.hash !== "") refuse("it has a part after #; write # in a password as %23");
  return parsed;
}

function decoded(part: string, what: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return refuse(`its ${what} has a % that begins no escape; write % as %25`);
  }
}

function parametersOf(url: URL): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!PARAMETERS.includes(name)) refuse(`its setting ${JSON.stringify(name)} is none of ${PARAMETERS.join(", ")}`);
    if (found.has(name)) refuse(`it sets ${name} twice`);
    if (value === "") refuse(`its ${name} is empty`);
    found.set(name, value);
  }
  return found;
}

function passwordOf(given: string, file: string | undefined): () => string {
  if (given !== "" && file !== undefined) refuse("its password stands in the URL and in a file: leave one of them out");
  if (file !== undefined) checkPrivate(file, "the password file");
  const password = file === undefined ? given : readText(file, "the password").replace(/\r?\n$/, "");
  return () => {
    if (password === "") throw new PasswordMissing();
    return password;
  };
}

/** The server asks for a password, and nobody gave one. */
export class PasswordMissing extends Error {
  override readonly name = "PasswordMissing";
}

const isLocal = (host: string): boolean =>
  host.startsWith("/") || host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

function tlsOf(host: string, parameters: ReadonlyMap<string, string>): PostgresAddress["ssl"] {
  const mode = parameters.get("sslmode") ?? (isLocal(host) ? "disable" : "verify-full");
  const files = ["sslrootcert", "sslcert", "sslkey"].filter((name) => parameters.has(name));
  if (!(SSL_MODES as readonly string[]).includes(mode))
    refuse(`its sslmode ${JSON.stringify(mode)} is none of ${SSL_MODES.join(", ")}`);
  if (mode === "disable") {
    if (files.length > 0) refuse(`it sets ${files.join(" and ")} without an sslmode that uses it`);
    return false;
  }
  if (host.startsWith("/")) refuse("a Unix socket has no TLS; leave sslmode out");
  if (parameters.has("sslcert") !== parameters.has("sslkey")) refuse("it sets one of sslcert and sslkey; both or none");
  const root = parameters.get("sslrootcert");
  if (mode === "verify-ca" && root === undefined)
    refuse("sslmode=verify-ca needs sslrootcert: of all public authorities, any could stand in for the server");
  const [cert, key] = [parameters.get("sslcert"), parameters.get("sslkey")];
  if (key !== undefined) checkPrivate(key, "sslkey");
  return {
    // As in libpq, `require` with a root certificate verifies like `verify-ca`.
    rejectUnauthorized: mode !== "require" || root !== undefined,
    ...(root !== undefined && { ca: readText(root, "sslrootcert") }),
    ...(cert !== undefined && { cert: readText(cert, "sslcert") }),
    ...(key !== undefined && { key: readText(key, "sslkey") }),
    ...(mode !== "verify-full" && { checkServerIdentity: () => undefined }),
  };
}

function checkPrivate(file: string, what: string): void {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats !== undefined && (stats.mode & GROUP_AND_OTHERS) !== 0)
    refuse(`${what} ${file} is open to other accounts. Run: chmod 600 ${JSON.stringify(file)}`);
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unreadable";
    return refuse(`${what} cannot be read from ${file} (${code})`);
  }
}
