/** `conclave certs`: the cluster's own authority, and its nodes' certificates, for QUIC and TLS. */
import { chmodSync, copyFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { print } from "./command.ts";
import { openNodeDir, type Lines, type NodeDir } from "./node-dir.ts";
import { WrongUsage } from "./wrong-usage.ts";

/** Longer than anybody plans: a slip of the finger. */
const MAX_DAYS = 36_500;

const days = (text: string): number => {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > MAX_DAYS)
    throw new InvalidArgumentError(`must be a whole number from 1 to ${MAX_DAYS}`);
  return Number(text);
};

const DAYS = ["--days <n>", "how long it is good", days] as const;
const HOSTS = [
  "--hosts <list>",
  "names and addresses to put into it beside the node's name, separated by commas",
] as const;

interface CertFlags {
  readonly dir?: string;
  readonly ca?: string;
  readonly name?: string;
  readonly days?: number;
  readonly hosts?: string;
  readonly sign?: string;
  readonly install?: string;
  readonly out?: string;
  readonly request?: true;
  readonly newKey?: true;
}

export function addCerts(program: Command): void {
  const certs = program.command("certs").description("certificates of nodes, for QUIC and TLS");
  certs
    .command("ca")
    .description("make the cluster's authority: on one machine, best without a network")
    .requiredOption("--dir <dir>", "a new folder for it")
    .option("--name <name>", "what to call it", "conclave-authority")
    .option(...DAYS)
    .action(async ({ dir, name, days: valid }: CertFlags & { readonly dir: string; readonly name: string }) => {
      const { certsCa } = await load();
      print(await certsCa({ folder: dir, name, nowMs: Date.now(), ...given({ days: valid }) }));
    });
  certs
    .command("node")
    .description("a node's certificate: ask for it, sign it, or take it into use")
    .option("--dir <dir>", "the node's folder, as init made it")
    .option("--ca <path>", "the authority's folder, or for --install its certificate")
    .option("--request", "only write a request, for the authority's keeper to sign (done without --ca, too)")
    .option("--sign <request>", "sign a node's request with the authority in --ca")
    .option("--install <certificate>", "take what was signed into the folder --dir")
    .option("--name <name>", "with --sign: which node it is for, as you know it, and not as the request says")
    .option("--out <file>", "with --sign: where to write the certificate")
    .option(...HOSTS)
    .option(...DAYS)
    .action(async (flags: CertFlags) => print(await certifyNode(flags)));
  certs
    .command("renew")
    .description("a new certificate before the old one ends; a running node takes it up by itself")
    .requiredOption("--dir <dir>", "the node's folder")
    .option("--ca <dir>", "the authority's folder, to sign it at once")
    .option("--new-key", "for a new key: then the node needs a new card, too")
    .option(...HOSTS)
    .option(...DAYS)
    .action(async (flags: CertFlags & { readonly dir: string }) => {
      const node = openNodeDir(flags.dir);
      print(await renew(node, flags));
    });
  certs
    .command("verify")
    .description("whether peers will accept the certificate, with every reason why not")
    .requiredOption("--dir <dir>", "the node's folder")
    .action(async ({ dir }: { readonly dir: string }) => {
      const { certsVerify } = await load();
      const { folder, config } = openNodeDir(dir);
      print(await certsVerify({ folder: folder.certificatesDir, name: config.name, nowMs: Date.now() }));
    });
}

const load = () => import("@conclave/transport-quic");

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what was not given: an option that is absent differs from one that is undefined. */
const given = <T extends object>(options: T): Given<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;

const hostsOf = ({ hosts }: CertFlags): readonly string[] | undefined =>
  hosts?.split(",").filter((host) => host !== "");

function certifyNode(flags: CertFlags): Promise<Lines> {
  if (flags.sign !== undefined && flags.install !== undefined)
    throw new WrongUsage(
      "--sign is for the authority's keeper and --install for the node's operator: give one of them",
    );
  if (flags.sign !== undefined) return signRequest(flags, flags.sign);
  if (flags.dir === undefined)
    throw new WrongUsage("name the node's folder with --dir, or a request to be signed with --sign");
  if (flags.request === true && flags.ca !== undefined)
    throw new WrongUsage("--request leaves signing to others, and --ca signs here: give one of them");
  const node = openNodeDir(flags.dir);
  return flags.install === undefined ? renew(node, flags) : install(node, flags, flags.install);
}

async function signRequest(flags: CertFlags, request: string): Promise<Lines> {
  const { ca, name } = flags;
  if (ca === undefined) throw new WrongUsage("--sign needs the authority's folder: --ca DIR");
  if (name === undefined)
    throw new WrongUsage("--sign needs --name: which node the request came from is your word, not the request's");
  const { certsSign } = await load();
  const out = flags.out ?? join(dirname(request), `${basename(request, extname(request))}.crt`);
  const options = given({ hosts: hostsOf(flags), days: flags.days });
  return certsSign({ authority: ca, request, name, out, nowMs: Date.now(), ...options });
}

async function install(node: NodeDir, { ca }: CertFlags, certificate: string): Promise<Lines> {
  const { certsInstall } = await load();
  const { certificatesDir } = node.folder;
  const isFolder = ca !== undefined && statSync(ca, { throwIfNoEntry: false })?.isDirectory() === true;
  const file = ca === undefined ? undefined : isFolder ? join(ca, "ca.crt") : ca;
  const lines = await certsInstall({
    folder: certificatesDir,
    name: node.config.name,
    certificate,
    nowMs: Date.now(),
    ...given({ ca: file }),
  });
  tighten(certificatesDir);
  return lines;
}

/** For the node's own key, which `init node` drew and its card names; the first certificate is no other case. */
async function renew(node: NodeDir, flags: CertFlags): Promise<Lines> {
  const { certsRenew } = await load();
  const { folder, config, publicDir } = node;
  const hasNone = !existsSync(join(folder.certificatesDir, "node.crt"));
  const lines = await certsRenew({
    folder: folder.certificatesDir,
    name: config.name,
    nowMs: Date.now(),
    // An earlier certificate's hosts are kept; of a first one there are none.
    ...given({ authority: flags.ca, days: flags.days, hosts: hostsOf(flags) ?? (hasNone ? [] : undefined) }),
    ...(flags.newKey === true && { withNewKey: true }),
  });
  const request = join(publicDir, `${config.name}.csr`);
  copyFileSync(join(folder.certificatesDir, "node.csr"), request);
  tighten(folder.certificatesDir);
  chmodSync(request, 0o600);
  const withNewKey =
    flags.newKey === true ? ['Once it is installed, run "conclave init card": the card names the key.'] : [];
  return [...lines, ...withNewKey];
}

/** Certificates are public, but nobody else has any business in a node's folder. */
function tighten(folder: string): void {
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o600);
}
