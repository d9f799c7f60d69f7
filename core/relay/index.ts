export {
  decodeHeader,
  encodeHeader,
  FLAG_MAILBOX,
  FLAG_ONE_RECEIVER,
  HEADER_BYTES,
  ID_BYTES,
  MAX_TTL_SECONDS,
  ttlCode,
  ttlSecondsOf,
} from "./header.ts";
export type { Header } from "./header.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export type { MailroomLimits } from "./limits.ts";
export { Mailroom } from "./mailroom.ts";
export type { Effect, Handled, MailroomStats, Published, Refusal } from "./mailroom.ts";
export { MAX_MESSAGE_BYTES, MESSAGE_OVERHEAD_BYTES, messageId, objection, readFrame, signMessage } from "./message.ts";
export type { Address, Frame, Message } from "./message.ts";
