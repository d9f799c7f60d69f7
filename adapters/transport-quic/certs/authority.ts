/**
 * The cluster's own certificate authority: one P-256 key that signs nodes and nothing else. Whoever holds it can let a node
 * speak, but not in another's name: the roster pins every node's key besides.
 */
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  ALGORITHM,
  CertificateError,
  DAY_MS,
  keyPairOf,
  newPrivateKey,
  parseCertificates,
  pemOf,
  x509,
} from "./x509.ts";
import { checkHosts, checkName } from "./names.ts";

export const AUTHORITY_DAYS = 3_650;
/** A year: nodes warn 30 days before the end. */
export const NODE_DAYS = 365;
/** Clocks of nodes differ; a certificate made now is good everywhere at once. */
const BACKDATE_MS = 3_600_000;
/** 128 random bits: two certificates never share a serial number. */
const SERIAL_BYTES = 16;

/** A certificate and its private key, both PEM. */
export interface Authority {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A new authority. `name` is for people; `nowMs` since the epoch. */
export async function createAuthority(options: {
  readonly name: string;
  readonly nowMs: number;
  readonly days?: number;
}): Promise<Authority> {
  const privateKey = newPrivateKey();
  const keys = await keyPairOf(privateKey);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [checkName(options.name)] }, { O: ["Conclave"] }],
    ...validity(options.nowMs, options.days ?? AUTHORITY_DAYS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      // Path length 0: it signs nodes, never another authority.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemOf(certificate), privateKey };
}

/**
 * A node's certificate for the key of its request. The name and the hosts are what the authority's holder says, never what
 * the request says: a name there must be the same. Throws `CertificateError` for a request that its key did not sign, for
 * another name, for a key that is not P-256, and for an authority that is none or ends before the certificate would.
 */
export async function signRequest(
  authority: Authority,
  options: {
    readonly request: string;
    readonly name: string;
    readonly hosts?: readonly string[];
    readonly nowMs: number;
    readonly days?: number;
  },
): Promise<string> {
  const [issuer] = parseCertificates(authority.certificate, "the authority's certificate");
  const request = await readRequest(options.request, options.name);
  const dates = validity(options.nowMs, options.days ?? NODE_DAYS);
  if (issuer!.notAfter < dates.notAfter)
    throw new CertificateError(
      `the authority ends on ${day(issuer!.notAfter)}, before the certificate would: give fewer --days, or make a new authority`,
    );
  const { privateKey, publicKey } = await keyPairOf(authority.privateKey);
  if (!(await issuer!.verify({ publicKey, signatureOnly: true })))
    throw new CertificateError(
      "the authority's key does not belong to its certificate: give the folder that holds both",
    );
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [options.name] }, { O: ["Conclave"] }],
    issuer: issuer!.subject,
    ...dates,
    publicKey: request.publicKey,
    signingKey: privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: checkName(options.name) },
        ...checkHosts(options.hosts ?? []).map((value) => ({ type: isIP(value) > 0 ? "ip" : "dns", value }) as const),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(publicKey),
      await x509.SubjectKeyIdentifierExtension.create(request.publicKey),
    ],
  });
  return pemOf(certificate);
}

/** A request for a node's certificate, made where the key is: the authority's holder never sees it. */
export async function createRequest(options: { readonly name: string; readonly privateKey: string }): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [checkName(options.name)] }],
    keys: await keyPairOf(options.privateKey),
    signingAlgorithm: ALGORITHM,
  });
  return pemOf(request);
}

async function readRequest(pem: string, name: string): Promise<x509.Pkcs10CertificateRequest> {
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(pem);
  } catch (cause) {
    throw new CertificateError("the request is no certificate request in PEM", { cause });
  }
  const [asked] = request.subjectName.getField("CN");
  if (asked !== name)
    throw new CertificateError(
      `the request is for "${asked ?? ""}" and not for "${name}": ask its sender which node it is for`,
    );
  const { algorithm } = request.publicKey as { algorithm: { namedCurve?: string } };
  if (algorithm.namedCurve !== ALGORITHM.namedCurve)
    throw new CertificateError("the request's key is not for P-256: make the request with `conclave certs node`");
  // Proof that whoever asks holds the key.
  if (!(await request.verify()))
    throw new CertificateError("the request is not signed by its own key: it was damaged or altered, ask for it again");
  return request;
}

export const day = (date: Date): string => date.toISOString().slice(0, 10);

/** Positive, as RFC 5280 (4.1.2.2) asks. */
function newSerial(): string {
  const bytes = webcrypto.getRandomValues(Buffer.alloc(SERIAL_BYTES));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function validity(nowMs: number, days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  if (!Number.isFinite(days) || days <= 0) throw new CertificateError("--days is a number above 0");
  // Whole seconds are all that a certificate holds.
  const seconds = (ms: number): Date => new Date(Math.floor(ms / 1_000) * 1_000);
  return { notBefore: seconds(nowMs - BACKDATE_MS), notAfter: seconds(nowMs + days * DAY_MS) };
}
