/** A few nodes with keys, and their transports. */
import { randomBytes } from "node:crypto";
import { toHex, transcript } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { nodeEngine } from "@conclave/engine-node";
import type { Transport } from "@conclave/node";
import { openRelayTransport, type LinkTimings, type RelayMode, type RelayTransportNotice } from "../index.ts";
import type { Doors } from "./doors.ts";

export interface Actor {
  readonly node: NodeId;
  readonly signSeed: Uint8Array;
  readonly signKey: Uint8Array;
  readonly sealSecret: Uint8Array;
  readonly sealKey: Uint8Array;
}

/** Random bytes of the machine, as plain arrays. */
export const machineRandom = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export function actor(name: string): Actor {
  const signSeed = transcript("testing/relay/sign", { name });
  const sealSecret = transcript("testing/relay/seal", { name });
  const signKey = nodeEngine.ed25519Signer(signSeed).publicKey;
  const sealKey = nodeEngine.x25519Public(sealSecret);
  return { node: toHex(signKey) as NodeId, signSeed, signKey, sealSecret, sealKey };
}

export const ROSTER = transcript("testing/relay/roster", {});

/** So quick that a test need not wait for a dead node, so slow that a busy machine is not taken for one. */
export const TEST_TIMINGS: LinkTimings = { keepAliveMs: 150, silentKeepAlives: 8 };

export interface TransportSetting {
  readonly urls: readonly string[];
  readonly mode?: RelayMode;
  readonly doors?: Doors;
  readonly timings?: LinkTimings;
  readonly rosterHash?: Uint8Array;
  readonly observe?: (notice: RelayTransportNotice) => void;
}

/** `self`'s end of a network with `others`. */
export function transportOf(
  self: Actor,
  others: readonly Actor[],
  { urls, mode = "websocket", doors, timings = TEST_TIMINGS, rosterHash = ROSTER, observe }: TransportSetting,
): Transport {
  return openRelayTransport({
    self: self.node,
    peers: new Map(
      others.filter(({ node }) => node !== self.node).map(({ node, signKey, sealKey }) => [node, { signKey, sealKey }]),
    ),
    signSeed: self.signSeed,
    sealSecret: self.sealSecret,
    rosterHash,
    urls,
    mode,
    engine: nodeEngine,
    randomBytes: machineRandom,
    timings,
    ...(doors === undefined ? {} : { clock: doors.clock, platform: doors.platform }),
    ...(observe === undefined ? {} : { observe }),
  });
}
