/** The promise that makes a nonce one-use: durable before the partial signature that spends it leaves the process. */
import { codec, fixedBytes, literal, record, type Codec } from "@conclave/bytes";

/** "The nonce of `presignature` answered this digest under this key, and never answers another." */
export interface EcdsaNonceRecord {
  readonly kind: "ecdsa-nonce";
  /** H(ssid) of the session that made R, whether or not it was stored in between. */
  readonly presignature: Uint8Array;
  readonly digest: Uint8Array;
  /** The derived key, encoded. */
  readonly publicKey: Uint8Array;
}

export const ecdsaNonceRecordCodec: Codec<EcdsaNonceRecord> = codec(
  record({
    kind: literal("ecdsa-nonce"),
    presignature: fixedBytes(32),
    digest: fixedBytes(32),
    publicKey: fixedBytes(33),
  }),
);
