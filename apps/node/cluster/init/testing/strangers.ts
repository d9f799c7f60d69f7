/** Cards of nodes that are none of the test's: well made and well signed, by identities that no vault holds. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "@conclave/bytes";
import { parseNodeId, signCard, signedCardCodec, type PeerCard, type SignedCard } from "@conclave/consensus";
import { engine } from "../../../engine.ts";
import { printToken } from "../../tokens.ts";

const signer = () => engine.ed25519Signer(new Uint8Array(randomBytes(32)));

/** Sign a card of this name; `changes` may make it speak of somebody else. */
export function strangerCard(name: string, changes: Partial<PeerCard> = {}): SignedCard {
  const identity = signer();
  return signCard(identity, {
    cluster: "prod",
    node: parseNodeId(toHex(identity.publicKey)),
    name,
    voteKey: signer().publicKey,
    serial: 1,
    libp2pKey: signer().publicKey,
    relaySignKey: signer().publicKey,
    relaySealKey: engine.x25519Public(new Uint8Array(randomBytes(32))),
    tlsKey: new Uint8Array(91),
    endpoints: { quic: ["10.6.6.6:9000"], libp2p: [] },
    ...changes,
  });
}

/** Such a card as a file in the folder. */
export function writeStranger(dir: string, name: string, changes: Partial<PeerCard> = {}): string {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${name}.card`);
  writeFileSync(file, printToken("card", signedCardCodec.encode(strangerCard(name, changes))));
  return file;
}
