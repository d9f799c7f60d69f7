/** The promise that makes a nonce pair one-use: durable before the signature share that spends it leaves the process. */
import { bytes, codec, fixedBytes, literal, record, transcript, type Codec } from "@conclave/bytes";
import type { Group } from "@conclave/crypto";
import type { CommitmentList } from "../binding.ts";
import type { Suite } from "../suite.ts";
import type { SharedView } from "./statement.ts";

/** "In session `ssid` the nonce answered this commitment list, digest and key, and never answers another." */
export interface NonceRecord {
  readonly kind: "nonce";
  readonly ssid: Uint8Array;
  /** Hash of the sorted (i, D, E) list. */
  readonly commitments: Uint8Array;
  /** The message itself if it is 32 bytes by the suite's rule, else its hash. */
  readonly digest: Uint8Array;
  /** The tweaked key, encoded. */
  readonly publicKey: Uint8Array;
}

export const nonceRecordCodec: Codec<NonceRecord> = codec(
  record({
    kind: literal("nonce"),
    ssid: fixedBytes(32),
    commitments: fixedBytes(32),
    digest: fixedBytes(32),
    publicKey: bytes({ min: 32, max: 33 }),
  }),
);

export const nonceRecord = (suite: Suite, ssid: Uint8Array, view: SharedView): Uint8Array =>
  nonceRecordCodec.encode({
    kind: "nonce",
    ssid,
    commitments: commitmentListHash(suite.group, view.commitments),
    digest: messageDigest(suite, view.message),
    publicKey: suite.group.encode(view.publicKey),
  });

const commitmentListHash = (group: Group, commitments: CommitmentList): Uint8Array =>
  transcript("frost/commitments", {
    list: [...commitments].map(([party, { hiding, binding }]) => [party, group.encode(hiding), group.encode(binding)]),
  });

const messageDigest = ({ messageBytes }: Suite, message: Uint8Array): Uint8Array =>
  messageBytes.min === 32 && messageBytes.max === 32 ? message : transcript("frost/message", { message });
