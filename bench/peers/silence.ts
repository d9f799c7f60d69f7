/**
 * DKLs23 by Silence Laboratories, Rust compiled to WASM: the fastest threshold ECDSA on npm, and the peer of `dkls23`. Its licence
 * allows no commercial use: it is measured here, nothing of it is part of the product. Installed on first use.
 */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const PACKAGE = "@silencelaboratories/dkls-wasm-ll-node";
export const SILENCE = "sl-dkls@1.1.2";

interface Message {
  readonly from_id: number;
  readonly to_id: number | undefined;
  readonly payload: Uint8Array;
  clone(): Message;
}

interface Keyshare {
  readonly publicKey: Uint8Array;
  toBytes(): Uint8Array;
}

interface Library {
  readonly KeygenSession: new (
    n: number,
    t: number,
    party: number,
  ) => {
    createFirstMessage(): Message;
    handleMessages(messages: Message[], commitments?: Uint8Array[]): Message[];
    calculateChainCodeCommitment(): Uint8Array;
    keyshare(): Keyshare;
  };
  readonly SignSession: new (
    share: Keyshare,
    path: string,
  ) => {
    createFirstMessage(): Message;
    handleMessages(messages: Message[]): Message[];
    lastMessage(digest: Uint8Array): Message;
    combine(messages: Message[]): [Uint8Array, Uint8Array];
  };
  readonly Keyshare: { fromBytes(bytes: Uint8Array): Keyshare };
}

/** Loads the peer, installing it beside this file if it is not there. Throws `Error` saying how to install it by hand. */
export function loadSilence(): Library {
  if (!existsSync(join(import.meta.dirname, "node_modules", PACKAGE))) {
    process.stderr.write(`installing ${PACKAGE} in bench/peers (for measuring only; see its licence)\n`);
    const { status } = spawnSync("npm", ["ci"], { cwd: import.meta.dirname, stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new Error("the peer could not be installed: run npm ci in bench/peers");
  }
  return createRequire(join(import.meta.dirname, "package.json"))(PACKAGE) as Library;
}

const others = (messages: readonly Message[], self: number): Message[] =>
  messages.filter(({ from_id }) => from_id !== self).map((message) => message.clone());
const addressed = (messages: readonly Message[], self: number): Message[] =>
  messages.filter(({ to_id }) => to_id === self).map((message) => message.clone());
const sent = (messages: readonly Message[], parties: number): number =>
  messages.reduce((sum, { payload, to_id }) => sum + payload.length * (to_id === undefined ? parties - 1 : 1), 0);

/** One key generation by all parties. */
export function silenceKeygen(library: Library, n: number, t: number): { bytes: number; shares: Uint8Array[] } {
  const sessions = Array.from({ length: n }, (_, party) => new library.KeygenSession(n, t, party));
  const first = sessions.map((session) => session.createFirstMessage());
  const second = sessions.flatMap((session, i) => session.handleMessages(others(first, i)));
  const commitments = sessions.map((session) => session.calculateChainCodeCommitment());
  const third = sessions.flatMap((session, i) => session.handleMessages(addressed(second, i)));
  const fourth = sessions.flatMap((session, i) => session.handleMessages(addressed(third, i), commitments));
  for (const [i, session] of sessions.entries()) session.handleMessages(others(fourth, i));
  const bytes = [first, second, third, fourth].reduce((sum, messages) => sum + sent(messages, n), 0);
  return { bytes, shares: sessions.map((session) => session.keyshare().toBytes()) };
}

/** One signature by the first t parties. Every signature is made; the first is verified where `check` says so. */
export function silenceSign(
  library: Library,
  { shares, digest, check }: { shares: readonly Uint8Array[]; digest: Uint8Array; check: boolean },
): { bytes: number } {
  const keys = shares.map((share) => library.Keyshare.fromBytes(share));
  const { publicKey } = keys[0]!;
  const sessions = keys.map((key) => new library.SignSession(key, "m"));
  const first = sessions.map((session) => session.createFirstMessage());
  const ids = first.map(({ from_id }) => from_id);
  const second = sessions.flatMap((session, i) => session.handleMessages(others(first, ids[i]!)));
  const third = sessions.flatMap((session, i) => session.handleMessages(addressed(second, ids[i]!)));
  for (const [i, session] of sessions.entries()) session.handleMessages(addressed(third, ids[i]!));
  const last = sessions.map((session) => session.lastMessage(digest));
  const signatures = sessions.map((session, i) => session.combine(others(last, ids[i]!)));
  if (check) {
    const [r, s] = signatures[0]!;
    const compact = Buffer.concat([r.slice(-32), s.slice(-32)]);
    if (!secp256k1.verify(compact, digest, publicKey, { prehash: false, lowS: false }))
      throw new Error("bad signature");
  }
  const parties = shares.length;
  return { bytes: [first, second, third, last].reduce((sum, messages) => sum + sent(messages, parties), 0) };
}
