/** What binds a pair's messages: to the setup, to both parties, and to the direction. */
import { transcript } from "@conclave/bytes";
import type { PartyIndex } from "@conclave/protocol";

/** Setup id = H(T; ssid): of one key and epoch, and never the same twice. */
export const setupId = (certificate: Uint8Array, ssid: Uint8Array): Uint8Array =>
  transcript("dkls23/setup/id", { certificate, ssid });

/** The session of the base OTs that serve multiplications from `sender` to `receiver`; each direction has its own. */
export const otSession = (setup: Uint8Array, sender: PartyIndex, receiver: PartyIndex): Uint8Array =>
  transcript("dkls23/setup/ot", { setup, sender, receiver });

/** A value of each end of a pair, in the order of the parties and not of who computes. */
interface Ends {
  readonly self: PartyIndex;
  readonly peer: PartyIndex;
}

/** seed_ij, from both sides' contributions: neither end chooses it. */
export function zeroSeed(
  setup: Uint8Array,
  { self, peer }: Ends,
  { own, theirs }: { readonly own: Uint8Array; readonly theirs: Uint8Array },
): Uint8Array {
  const [low, high] = self < peer ? [own, theirs] : [theirs, own];
  return transcript("dkls23/setup/seed", { setup, parties: inOrder({ self, peer }), low, high });
}

/** H(setup id, i, j, seed_ij): what both ends publish, so that a difference shows before the first signature. */
export const confirmation = (setup: Uint8Array, ends: Ends, seed: Uint8Array): Uint8Array =>
  transcript("dkls23/setup/confirmation", { setup, parties: inOrder(ends), seed });

const inOrder = ({ self, peer }: Ends): PartyIndex[] => (self < peer ? [self, peer] : [peer, self]);
