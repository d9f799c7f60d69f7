/** Whether a node's certificate will be accepted by others, and each reason why not, by name. */
import { createPublicKey } from "node:crypto";
import { equalBytes } from "@conclave/bytes";
import { day } from "./authority.ts";
import { DAY_MS, parseCertificates, parsePrivateKey, spkiOf, x509 } from "./x509.ts";

/** A year's certificate is renewed in the last month; who overlooks that hears of it again, and then every day. */
export const WARNING_DAYS = [30, 7, 1] as const;

export type CertificateProblemKind =
  | "expired"
  | "not-yet-valid"
  | "foreign-ca"
  | "same-named-ca"
  | "wrong-name"
  | "not-a-leaf"
  | "not-a-ca"
  | "ca-expired"
  | "wrong-use"
  | "key-mismatch";

export interface CertificateProblem {
  readonly kind: CertificateProblemKind;
  /** What is wrong and what to do. */
  readonly text: string;
}

/**
 * Everything that is wrong with a node's certificate; nothing if it is good. `certificate` and `ca` are PEM, `ca` may hold
 * several authorities; `name` is the node's. `privateKey` (PEM) is compared if given. Throws `CertificateError` for files that
 * cannot be read at all.
 */
export async function verifyCertificate(options: {
  readonly ca: string;
  readonly certificate: string;
  readonly name: string;
  readonly privateKey?: string;
  readonly nowMs: number;
}): Promise<readonly CertificateProblem[]> {
  const { name, nowMs } = options;
  const leaf = parseCertificates(options.certificate, "the certificate file")[0]!;
  const authorities = parseCertificates(options.ca, "the file of the authority");
  const names = namesOf(leaf);
  const found: (CertificateProblem | null)[] = [
    ...datesOf(leaf, nowMs),
    await issuerOf(leaf, authorities, nowMs),
    leaf.getExtension(x509.BasicConstraintsExtension)?.ca === true
      ? problem("not-a-leaf", "it is a certificate of an authority, not of a node: give the node's own certificate")
      : null,
    names.includes(name)
      ? null
      : problem("wrong-name", `it is for ${quoted(names)} and not for "${name}": ask for one in this node's name`),
    usesOf(leaf),
    options.privateKey !== undefined && !belongsTo(leaf, options.privateKey)
      ? problem(
          "key-mismatch",
          "the private key is not the certificate's: one of the two files is of another node or time",
        )
      : null,
  ];
  return found.filter((one) => one !== null);
}

/** What an operator should hear of a certificate's end: null while there is time, and after it (that is a problem). */
export function expiryWarning(certificate: string, nowMs: number): string | null {
  const { notAfter } = parseCertificates(certificate, "the certificate file")[0]!;
  const days = warningDays(notAfter.getTime() - nowMs);
  return days === null
    ? null
    : `the certificate ends within ${days} ${days === 1 ? "day" : "days"}, on ${day(notAfter)}: renew it with \`conclave certs renew\``;
}

/** The smallest of the warnings that applies with so much time left. */
export const warningDays = (leftMs: number): number | null =>
  leftMs < 0 ? null : (WARNING_DAYS.findLast((days) => leftMs <= days * DAY_MS) ?? null);

/** DNS names of a certificate, which is where a node's name stands. */
export function namesOf(certificate: x509.X509Certificate): readonly string[] {
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return names.filter(({ type }) => type === "dns").map(({ value }) => value);
}

export const quoted = (names: readonly string[]): string =>
  names.length === 0 ? "nobody" : names.map((name) => `"${name}"`).join(", ");

const problem = (kind: CertificateProblemKind, text: string): CertificateProblem => ({ kind, text });

function* datesOf({ notBefore, notAfter }: x509.X509Certificate, nowMs: number): Iterable<CertificateProblem> {
  if (nowMs > notAfter.getTime())
    yield problem("expired", `it ended on ${notAfter.toISOString()}: renew it with \`conclave certs renew\``);
  if (nowMs < notBefore.getTime())
    yield problem(
      "not-yet-valid",
      `it begins on ${notBefore.toISOString()}: check this machine's clock and the authority's`,
    );
}

/** Signed by one of the authorities? A name in common is none: two authorities may be called the same. */
async function issuerOf(
  leaf: x509.X509Certificate,
  authorities: readonly x509.X509Certificate[],
  nowMs: number,
): Promise<CertificateProblem | null> {
  for (const authority of authorities) {
    if (!(await leaf.verify({ publicKey: authority, signatureOnly: true }))) continue;
    if (authority.getExtension(x509.BasicConstraintsExtension)?.ca !== true)
      return problem("not-a-ca", "what signed it is no authority: give the authority's certificate as ca.crt");
    const [dates] = datesOf(authority, nowMs);
    return dates === undefined ? null : problem("ca-expired", `its authority's own time: ${dates.text}`);
  }
  const isNamesake = authorities.some(({ subject }) => subject === leaf.issuer);
  return isNamesake
    ? problem(
        "same-named-ca",
        `its authority is called "${leaf.issuer}" like ours and is another: ask our authority's holder`,
      )
    : problem("foreign-ca", `it was signed by "${leaf.issuer}", which is none of our authorities`);
}

function usesOf(leaf: x509.X509Certificate): CertificateProblem | null {
  const uses = leaf.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [];
  const isBoth = [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth].every((use) =>
    uses.includes(use),
  );
  return isBoth
    ? null
    : problem("wrong-use", "a node both dials and is dialled: its certificate has to allow both uses");
}

const belongsTo = (leaf: x509.X509Certificate, privateKey: string): boolean =>
  equalBytes(new Uint8Array(leaf.publicKey.rawData), spkiOf(createPublicKey(parsePrivateKey(privateKey))));
