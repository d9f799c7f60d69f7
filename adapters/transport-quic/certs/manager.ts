/** A node's certificate while the node runs: loaded, verified, watched, replaced without a restart. */
import { createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import { statSync } from "node:fs";
import type { Clock, Timer } from "@conclave/node";
import { inFolder, readKey, readPublic } from "./files.ts";
import { verifyCertificate, warningDays } from "./verify.ts";
import { CertificateError, parsePrivateKey, spkiOf } from "./x509.ts";

/** How often the files are looked at. A renewal is in no hurry; three calls of `stat` cost nothing. */
const WATCH_MS = 10_000;

/** What an engine needs: PEM for the libraries, parsed forms for our own checks. */
export interface Credentials {
  readonly ca: string;
  readonly certificate: string;
  readonly leaf: X509Certificate;
  /** Prints nothing of itself; libraries get its PEM by `privateKeyPem` at the moment of use. */
  readonly key: KeyObject;
  /** Our own public key as rosters pin it. */
  readonly spki: Uint8Array;
}

export type CertificateEvent =
  /** `serial` is the certificate's serial number, in hexadecimal. */
  | { readonly kind: "certificate-loaded"; readonly serial: string; readonly endsMs: number }
  /** The files changed and cannot be used; the old ones still are. */
  | { readonly kind: "certificate-unusable"; readonly reason: string }
  | { readonly kind: "certificate-ends-soon"; readonly days: number; readonly endsMs: number };

export interface CertManagerOptions {
  /** Holds ca.crt, node.crt and node.key. */
  readonly folder: string;
  /** The node's name in the roster. */
  readonly name: string;
  readonly clock: Clock;
  readonly observe?: (event: CertificateEvent) => void;
}

/** The private key as PEM, for libraries that take nothing else. */
export const privateKeyPem = ({ key }: Credentials): string => key.export({ format: "pem", type: "pkcs8" }).toString();

/** Keeps one node's credentials current. Made by `CertManager.load`; `stop` it in the end. */
export class CertManager {
  readonly #options: CertManagerOptions;
  #current: Credentials;
  #stamp: string;
  /** The last warning given for this certificate, so that each is given once. */
  #warnedDays = Number.POSITIVE_INFINITY;
  #timer: Timer | null = null;
  readonly #listeners = new Set<(credentials: Credentials) => void>();

  private constructor(options: CertManagerOptions, current: Credentials, stamp: string) {
    this.#options = options;
    this.#current = current;
    this.#stamp = stamp;
  }

  /**
   * Throws `CertificateError` with every reason why the files cannot be used: a node whose certificate its peers will refuse
   * should hear so at its start.
   */
  static async load(options: CertManagerOptions): Promise<CertManager> {
    const stamp = stampOf(options.folder);
    const manager = new CertManager(options, await readCredentials(options), stamp);
    manager.#loaded();
    return manager;
  }

  /** What new connections use. */
  get current(): Credentials {
    return this.#current;
  }

  /** Calls back whenever other credentials took the place of the current ones. Returns what ends that. */
  onChange(listener: (credentials: Credentials) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the files again. Files that cannot be used change nothing, and are reported; then the result is false. */
  async reload(): Promise<boolean> {
    const stamp = stampOf(this.#options.folder);
    let next: Credentials;
    try {
      next = await readCredentials(this.#options);
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      this.#stamp = stamp;
      this.#observe({ kind: "certificate-unusable", reason: error.message });
      return false;
    }
    this.#stamp = stamp;
    this.#current = next;
    this.#warnedDays = Number.POSITIVE_INFINITY;
    this.#loaded();
    for (const listener of this.#listeners) listener(next);
    return true;
  }

  /** Begins to look at the files and at the calendar now and then. */
  watch(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(WATCH_MS, () => {
      const looked = stampOf(this.#options.folder) === this.#stamp ? Promise.resolve() : this.reload();
      void looked.then(() => {
        this.#warn();
        if (this.#timer !== null) this.watch();
      });
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#listeners.clear();
  }

  #loaded(): void {
    const { leaf } = this.#current;
    this.#observe({ kind: "certificate-loaded", serial: leaf.serialNumber, endsMs: leaf.validToDate.getTime() });
    this.#warn();
  }

  #warn(): void {
    const endsMs = this.#current.leaf.validToDate.getTime();
    const days = warningDays(endsMs - this.#options.clock.nowMs());
    if (days === null || days >= this.#warnedDays) return;
    this.#warnedDays = days;
    this.#observe({ kind: "certificate-ends-soon", days, endsMs });
  }

  #observe(event: CertificateEvent): void {
    this.#options.observe?.(event);
  }
}

async function readCredentials({ folder, name, clock }: CertManagerOptions): Promise<Credentials> {
  const ca = readPublic(inFolder(folder, "ca"));
  const certificate = readPublic(inFolder(folder, "certificate"));
  const privateKey = readKey(inFolder(folder, "key"));
  const problems = await verifyCertificate({ ca, certificate, name, privateKey, nowMs: clock.nowMs() });
  if (problems.length > 0) {
    const reasons = problems.map(({ text }) => text).join("; ");
    throw new CertificateError(`${inFolder(folder, "certificate")} cannot be used: ${reasons}`);
  }
  const key = parsePrivateKey(privateKey);
  const leaf = new X509Certificate(certificate);
  return { ca, certificate, leaf, key, spki: spkiOf(createPublicKey(key)) };
}

/** Changes whenever one of the files is replaced or touched. */
function stampOf(folder: string): string {
  return (["ca", "certificate", "key"] as const)
    .map((name) => statSync(inFolder(folder, name), { throwIfNoEntry: false }))
    .map((stats) => (stats === undefined ? "none" : `${stats.ino}:${stats.mtimeMs}:${stats.size}:${stats.mode}`))
    .join(" ");
}
