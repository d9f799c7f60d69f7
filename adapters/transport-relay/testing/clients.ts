/** Relays and clients that end with their test file, and short ways to say what they exchange. */
import { after } from "node:test";
import { nodeEngine as engine } from "@conclave/engine-node";
import type { Address } from "@conclave/relay";
import { startRelay, type Relay, type RelayOptions } from "@conclave/relay-service";
import { connectRelay, type RelayClient, type RelayClientOptions } from "../index.ts";
import { machineRandom } from "./cast.ts";

export const closing: (() => void | Promise<void>)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

export async function relayWith(options: RelayOptions = {}): Promise<Relay> {
  const relay = await startRelay({ listen: [{ host: "127.0.0.1", port: 0 }], ...options });
  closing.push(() => relay.close());
  return relay;
}

/** A client of its own key. */
export function clientOf(options: Pick<RelayClientOptions, "urls"> & Partial<RelayClientOptions>): RelayClient {
  const signer = engine.ed25519Signer(machineRandom(32));
  const client = connectRelay({ mode: "websocket", engine, signer, rng: machineRandom, ...options });
  closing.push(() => client.close());
  return client;
}

export const broadcast = (tag = 7n): { tag: bigint; receiver: null; instance: Uint8Array } => ({
  tag,
  receiver: null,
  instance: machineRandom(32),
});
export const addressOf = ({ publicKey }: RelayClient, place: ReturnType<typeof broadcast>): Address => ({
  ...place,
  sender: publicKey,
});
export const bodyOf = ({ payload }: { readonly payload: Uint8Array }): string => new TextDecoder().decode(payload);
export const soon = { ttlSeconds: 30 };
