/**
 * The secrets of a node's networks, each for one of them. They open no share and sign no vote: who steals them can speak on
 * the network as this node until its card is replaced, and cause nothing that its envelopes do not say.
 */
import { randomBytes } from "node:crypto";
import { codec, CodecError, fixedBytes, record, type CodecOf } from "@conclave/bytes";
import { FileUnusable, readPrivate, writePrivate } from "./private-files.ts";

const keysCodec = codec(
  record({
    /** Ed25519 seed of the libp2p identity. */
    libp2p: fixedBytes(32),
    /** Ed25519 seed that signs what is published at relays. */
    relaySign: fixedBytes(32),
    /** X25519 secret that opens what comes through relays. */
    relaySeal: fixedBytes(32),
  }),
);

export type NetworkKeys = CodecOf<typeof keysCodec>;

const seed = (): Uint8Array => new Uint8Array(randomBytes(32));

/** Draw them and keep them. */
export function createNetworkKeys(file: string): NetworkKeys {
  const keys = { libp2p: seed(), relaySign: seed(), relaySeal: seed() };
  writePrivate(file, Buffer.from(keysCodec.encode(keys)).toString("hex"));
  return keys;
}

/** Throws `FileUnusable`. */
export function readNetworkKeys(file: string): NetworkKeys {
  try {
    return keysCodec.decode(new Uint8Array(Buffer.from(readPrivate(file), "hex")));
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new FileUnusable(`${file} is damaged: restore it from a backup, or delete it and make a new card`, { cause });
  }
}
