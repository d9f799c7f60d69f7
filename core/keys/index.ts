export { certificateHash } from "./certificate.ts";
export type { KeygenConfig } from "./keygen/dealing.ts";
export { keygenProtocol } from "./keygen/index.ts";
export {
  curveOf,
  keyId,
  keyRecordCodec,
  keyShareCodec,
  partyOf,
  SCHEMES,
  validateRecord,
  validateShare,
} from "./record.ts";
export type { KeyParty, KeyRecord, KeyShare, Purpose, Scheme, Valid } from "./record.ts";
