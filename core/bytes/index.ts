export { assert, AssertionError, unreachable } from "./assert.ts";
export { compareBytes, concatBytes, equalBytes, fromHex, isHex, toHex, utf8, utf8Decode, xorBytes } from "./bytes.ts";
export {
  bool,
  bytes,
  codec,
  CodecError,
  fixedBytes,
  list,
  literal,
  nothing,
  oneOf,
  optional,
  rawCbor,
  record,
  refine,
  text,
  uint,
} from "./codec.ts";
export type { Cbor, Codec, CodecOf, Field, LeafKind, Schema, SchemaOf } from "./codec.ts";
export type { Rng } from "./rng.ts";
export { transcript, transcriptBytes } from "./transcript.ts";
export type { TranscriptFields } from "./transcript.ts";
