/** What `conclave certs` does: functions over folders that return what to print. */
import { X509Certificate } from "node:crypto";
import { renameSync } from "node:fs";
import { resolve } from "node:path";
import { toHex } from "@conclave/bytes";
import { createAuthority, createRequest, day, signRequest, type Authority } from "./authority.ts";
import { exists, inFolder, makeFolder, moveInto, readKey, readPublic, writeKey, writePublic } from "./files.ts";
import { expiryWarning, namesOf, quoted, verifyCertificate } from "./verify.ts";
import { CertificateError, newPrivateKey, parseCertificates } from "./x509.ts";

type Lines = readonly string[];

/** `certs ca`: makes the cluster's authority in a folder of its own. Throws `CertificateError` if one is there. */
export async function certsCa(options: {
  readonly folder: string;
  readonly name: string;
  readonly days?: number;
  readonly nowMs: number;
}): Promise<Lines> {
  const { folder } = options;
  const authority = await createAuthority(options);
  makeFolder(folder);
  writeKey(inFolder(folder, "caKey"), authority.privateKey);
  writePublic(inFolder(folder, "ca"), authority.certificate);
  return [
    `authority "${options.name}" made; it ends on ${endOf(authority.certificate)}`,
    `give ${resolve(inFolder(folder, "ca"))} to every operator`,
    `keep ${resolve(inFolder(folder, "caKey"))} offline: it is needed only to sign requests`,
  ];
}

/**
 * `certs node`, at the operator: makes the node's key, which never leaves this folder, and a request. With `authority` (a
 * folder that holds its key) the request is signed at once, for clusters on one machine.
 */
export async function certsNode(options: {
  readonly folder: string;
  readonly name: string;
  readonly authority?: string;
  readonly hosts?: readonly string[];
  readonly days?: number;
  readonly nowMs: number;
}): Promise<Lines> {
  const { folder, name, authority } = options;
  const privateKey = newPrivateKey();
  const request = await createRequest({ name, privateKey });
  makeFolder(folder);
  writeKey(inFolder(folder, "key"), privateKey);
  writePublic(inFolder(folder, "request"), request);
  return authority === undefined ? sendRequest(folder, name) : signHere({ ...options, authority });
}

/** `certs node --sign`, at the authority's holder: turns a request into a certificate. The name is the holder's word. */
export async function certsSign(options: {
  readonly authority: string;
  readonly request: string;
  readonly name: string;
  readonly out: string;
  readonly hosts?: readonly string[];
  readonly days?: number;
  readonly nowMs: number;
}): Promise<Lines> {
  const certificate = await signRequest(readAuthority(options.authority), {
    ...options,
    request: readPublic(options.request),
  });
  writePublic(options.out, certificate);
  return [
    `certificate for "${options.name}" signed; it ends on ${endOf(certificate)}`,
    `send ${resolve(options.out)} back to its operator, with ${inFolder(options.authority, "ca")}`,
  ];
}

/** `certs node --install`, at the operator: takes a signed certificate into use. A running node notices by itself. */
export async function certsInstall(options: {
  readonly folder: string;
  readonly name: string;
  readonly certificate: string;
  readonly ca?: string;
  readonly nowMs: number;
}): Promise<Lines> {
  const ca = readPublic(options.ca ?? inFolder(options.folder, "ca"));
  return install({ ...options, ca, certificate: readPublic(options.certificate) });
}

/**
 * `certs renew`: a request for a new certificate, for the same key unless `withNewKey`. With `authority` it is signed and
 * installed at once. The old certificate and key stay in use until then.
 */
export async function certsRenew(options: {
  readonly folder: string;
  readonly name: string;
  readonly withNewKey?: boolean;
  readonly authority?: string;
  readonly hosts?: readonly string[];
  readonly days?: number;
  readonly nowMs: number;
}): Promise<Lines> {
  const { folder, name, authority } = options;
  let privateKey: string;
  if (options.withNewKey === true) {
    privateKey = newPrivateKey();
    writeKey(inFolder(folder, "nextKey"), privateKey);
  } else privateKey = readKey(inFolder(folder, "key"));
  writePublic(inFolder(folder, "request"), await createRequest({ name, privateKey }));
  // Who forgets the hosts of the old certificate would be told so only by those that cannot reach the node any more.
  const hosts = options.hosts ?? hostsOf(readPublic(inFolder(folder, "certificate")), name);
  return authority === undefined ? sendRequest(folder, name) : signHere({ ...options, authority, hosts });
}

/** `certs verify`: whether peers will accept this folder's certificate. Throws `CertificateError` with every reason why not. */
export async function certsVerify(options: {
  readonly folder: string;
  readonly name: string;
  readonly nowMs: number;
}): Promise<Lines> {
  const { folder, name, nowMs } = options;
  const certificate = readPublic(inFolder(folder, "certificate"));
  const ca = readPublic(inFolder(folder, "ca"));
  const privateKey = readKey(inFolder(folder, "key"));
  const problems = await verifyCertificate({ ca, certificate, name, privateKey, nowMs });
  if (problems.length > 0)
    throw new CertificateError(
      [`${inFolder(folder, "certificate")} is not good:`, ...problems.map(({ kind, text }) => `${kind}: ${text}`)].join(
        "\n  ",
      ),
    );
  const names = namesOf(parseCertificates(certificate, "the certificate file")[0]!);
  const warning = expiryWarning(certificate, nowMs);
  return [
    `the certificate is good: for ${quoted(names)}, until ${endOf(certificate)}`,
    `key for the roster: ${toHex(tlsKeyOf(certificate))}`,
    ...(warning === null ? [] : [`warning: ${warning}`]),
  ];
}

/** The public key of a certificate (PEM) as rosters pin it: SubjectPublicKeyInfo, DER. */
export const tlsKeyOf = (certificate: string): Uint8Array =>
  new Uint8Array(parseCertificates(certificate, "the certificate file")[0]!.publicKey.rawData);

const sendRequest = (folder: string, name: string): Lines => [
  `request for "${name}" made`,
  `send ${resolve(inFolder(folder, "request"))} to the authority's holder, who signs it with \`conclave certs node --sign\``,
  "then install what comes back with `conclave certs node --install`",
];

async function signHere(options: {
  readonly folder: string;
  readonly name: string;
  readonly authority: string;
  readonly hosts?: readonly string[];
  readonly days?: number;
  readonly nowMs: number;
}): Promise<Lines> {
  const authority = readAuthority(options.authority);
  const request = readPublic(inFolder(options.folder, "request"));
  const certificate = await signRequest(authority, { ...options, request });
  // A folder that trusts more authorities than this one goes on doing so.
  const known = inFolder(options.folder, "ca");
  const ca = exists(known) ? readPublic(known) : authority.certificate;
  return install({ ...options, ca, certificate });
}

async function install(options: {
  readonly folder: string;
  readonly name: string;
  readonly ca: string;
  readonly certificate: string;
  readonly nowMs: number;
}): Promise<Lines> {
  const { folder, name, ca, certificate, nowMs } = options;
  const nextKey = inFolder(folder, "nextKey");
  const isForNextKey = exists(nextKey) && (await isOf(certificate, readKey(nextKey), options));
  const privateKey = readKey(isForNextKey ? nextKey : inFolder(folder, "key"));
  const problems = await verifyCertificate({ ca, certificate, name, privateKey, nowMs });
  if (problems.length > 0)
    throw new CertificateError(`the certificate is not installed: ${problems.map(({ text }) => text).join("; ")}`);
  writePublic(inFolder(folder, "ca"), ca);
  // Between the two steps the folder does not fit together; a node that reads it just then keeps what it has and reads again.
  if (isForNextKey) {
    renameSync(inFolder(folder, "key"), `${inFolder(folder, "key")}.old`);
    moveInto(nextKey, inFolder(folder, "key"));
  }
  writePublic(inFolder(folder, "certificate"), certificate);
  const lines = [
    `certificate for "${name}" installed; it ends on ${endOf(certificate)}`,
    `key for the roster: ${toHex(tlsKeyOf(certificate))}`,
  ];
  return isForNextKey
    ? [...lines, "the key is new: peers refuse this node until the roster pins it; the old one is in node.key.old"]
    : lines;
}

async function isOf(
  certificate: string,
  privateKey: string,
  { ca, name, nowMs }: { readonly ca: string; readonly name: string; readonly nowMs: number },
): Promise<boolean> {
  const problems = await verifyCertificate({ ca, certificate, name, privateKey, nowMs });
  return problems.every(({ kind }) => kind !== "key-mismatch");
}

const readAuthority = (folder: string): Authority => ({
  certificate: readPublic(inFolder(folder, "ca")),
  privateKey: readKey(inFolder(folder, "caKey")),
});

const endOf = (certificate: string): string => day(parseCertificates(certificate, "the certificate")[0]!.notAfter);

/** Everything that a certificate names besides its node. */
function hostsOf(certificate: string, name: string): readonly string[] {
  const alternatives = new X509Certificate(certificate).subjectAltName?.split(", ") ?? [];
  return alternatives
    .map((entry) => entry.replace(/^(?:DNS|IP Address):/, "").toLowerCase())
    .filter((host) => host !== name);
}
