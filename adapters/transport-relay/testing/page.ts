/** The page of the browser's proof: a party like any other, with keys that it makes itself and that never leave it. */
import { fromHex, toHex } from "@conclave/bytes";
import { portableEngine as engine } from "@conclave/crypto";
import type { KeyShare, Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { connectRelay, type RelayMode } from "../index.ts";
import { makeKey, sign, type Party } from "./party.ts";

/** What the test tells the page. Bytes are hexadecimal. */
export interface PageRun {
  readonly urls: readonly string[];
  readonly mode: RelayMode;
  readonly self: number;
  readonly parties: readonly (readonly [number, string])[];
  readonly instance: string;
}

const rng = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const signer = engine.ed25519Signer(rng(32));
let share: Valid<KeyShare> | null = null;

async function inRun<T>(
  { urls, mode, self, parties, instance }: PageRun,
  act: (party: Party) => Promise<T>,
): Promise<T> {
  const client = connectRelay({ urls, mode, engine, signer, rng });
  try {
    return await act({
      client,
      engine,
      rng,
      self: self as PartyIndex,
      parties: new Map(parties.map(([party, key]) => [party as PartyIndex, fromHex(key)])),
      instance: fromHex(instance),
    });
  } finally {
    client.close();
  }
}

const page = {
  signKey: (): string => toHex(signer.publicKey),
  /** The group's public key. */
  async makeKey(run: PageRun, threshold: number): Promise<string> {
    share = await inRun(run, (party) => makeKey(party, { threshold }));
    return toHex(engine.secp256k1.encode(share.record.publicKey));
  },
  async sign(run: PageRun, message: string): Promise<string> {
    if (share === null) throw new Error("the page has no share yet");
    const own = share;
    return toHex(await inRun(run, (party) => sign(party, own, fromHex(message))));
  },
};

Object.assign(globalThis, { party: page });
