/** Why a connection was refused, in words that help whoever reads the log. */

/** Somebody is not who he should be, or did not prove it. The text is for the log. */
export class Refused extends Error {
  override readonly name = "Refused";
  /** Goes to the other end where the protocol has a place for a number: a text of a stranger's is in nobody's log. */
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** QUIC's application error codes for a connection that is refused after the TLS handshake. */
export const REFUSAL_CODES = { "not-a-peer": 1, "wrong-key": 2, "wrong-date": 3, unproven: 4, busy: 5 } as const;
export type RefusalCode = keyof typeof REFUSAL_CODES;

const TOLD: Readonly<Record<RefusalCode, string>> = {
  "not-a-peer": "the name in our certificate is none of its peers",
  "wrong-key": "our key is not the one that its roster pins for this node: after a new key the roster has to change",
  "wrong-date": "our certificate is not valid at this time",
  unproven: "it saw no proof that we hold our key",
  busy: "it has too many connections under way",
};

/** RFC 9000, 20.1: a TLS alert is this number and its own. */
const CRYPTO_ERROR = 0x100;

/** RFC 8446, 6.2, as BoringSSL chooses among them: both ends of a certificate's time are called its expiry. `whose` certificate it is about. */
const ALERTS: Readonly<Record<number, (whose: string) => string>> = {
  42: (whose) => `${whose} certificate is for another name, or damaged (bad_certificate)`,
  43: (whose) => `${whose} certificate is of an unsupported kind (unsupported_certificate)`,
  44: (whose) => `${whose} certificate was revoked (certificate_revoked)`,
  45: (whose) => `${whose} certificate has expired, or is not valid yet (certificate_expired)`,
  46: (whose) => `${whose} certificate was not accepted (certificate_unknown)`,
  48: (whose) => `${whose} certificate was signed by another authority (unknown_ca)`,
  116: (whose) => `${whose} certificate is missing (certificate_required)`,
  120: () => `it speaks another protocol than ours (no_application_protocol): run the same release on both`,
};

/**
 * What a closed QUIC connection means. `whose` certificate was being judged when it closed: its before our handshake was done,
 * ours after. Texts from the other end are matched, never passed on.
 */
export function closeReason(
  close: { readonly errorCode: number; readonly reason: string },
  whose: "its" | "our",
): string {
  const { errorCode, reason } = close;
  if (reason === "client certificate required") return `${whose} certificate is missing (certificate_required)`;
  const alert = ALERTS[errorCode - CRYPTO_ERROR];
  if (alert !== undefined) return alert(whose);
  const told = (Object.keys(REFUSAL_CODES) as RefusalCode[]).find((code) => REFUSAL_CODES[code] === errorCode);
  if (told !== undefined) return TOLD[told];
  return errorCode === 0 ? "the connection was closed" : `the connection was closed with error ${errorCode}`;
}

/** What `node:tls` calls things, in the same words. */
const TLS_CODES: Readonly<Record<string, (whose: string) => string>> = {
  CERT_HAS_EXPIRED: (whose) => `${whose} certificate has expired`,
  CERT_NOT_YET_VALID: (whose) => `${whose} certificate is not valid yet`,
  ERR_TLS_CERT_ALTNAME_INVALID: (whose) => `${whose} certificate is for another name`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (whose) => `${whose} certificate was signed by another authority`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: (whose) => `${whose} certificate was signed by another authority`,
  DEPTH_ZERO_SELF_SIGNED_CERT: (whose) => `${whose} certificate was signed by itself`,
  SELF_SIGNED_CERT_IN_CHAIN: (whose) => `${whose} certificate was signed by another authority`,
  CERT_SIGNATURE_FAILURE: (whose) => `${whose} certificate was signed by another authority with the name of ours`,
  INVALID_PURPOSE: (whose) => `${whose} certificate is not for this use`,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: (whose) => `${whose} certificate is missing`,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: (whose) => `${whose} certificate is missing`,
  ERR_SSL_NO_APPLICATION_PROTOCOL: () => "it speaks another protocol than ours: run the same release on both",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: () =>
    "it speaks another protocol than ours: run the same release on both",
  ERR_SSL_UNSUPPORTED_PROTOCOL: () => "it offers no TLS 1.3",
  ERR_SSL_WRONG_VERSION_NUMBER: () => "what came is no TLS",
  ERR_SSL_HTTP_REQUEST: () => "what came is a request of HTTP",
  ERR_TLS_HANDSHAKE_TIMEOUT: () => "its handshake was not done in time",
  ECONNREFUSED: () => "nobody listens there",
  ECONNRESET: () => "the connection was closed: the log of the other end says why",
};

/** What an error code of `node:tls` means; the code itself if it is none of the usual ones. */
export const tlsReason = (code: string | undefined, whose: "its" | "our"): string =>
  TLS_CODES[code ?? ""]?.(whose) ?? `the connection failed (${code ?? "for an unknown reason"})`;
