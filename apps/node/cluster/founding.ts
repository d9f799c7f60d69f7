/**
 * How a cluster comes about. Each node draws its secrets where it will run and shows a card; the cards make the roster; every
 * node signs the charter. Nothing secret ever leaves a node's folder, whether the nodes are founded by `conclave init` on n
 * machines or by `conclave up` in n processes.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  charterCodec,
  peerCardCodec,
  type Charter,
  type PeerCard,
  type RosterEntry,
  type SignedCard,
} from "@conclave/consensus";
import type { PreparedCustody } from "../custody-host.ts";
import { engine } from "../engine.ts";
import { createNetworkKeys, readNetworkKeys } from "./network-keys.ts";
import type { NodeFolder } from "./node-folder.ts";
import { readPrivate, writePrivate } from "./private-files.ts";

/** What a node shows of itself. */
export interface Introduction {
  readonly cluster: string;
  readonly endpoints: PeerCard["endpoints"];
  /** Above that of every earlier card. */
  readonly serial: number;
}

/** Draw what is not there yet, and sign a card over it. Throws `CustodyNotOpened`. */
export async function introduce(
  folder: NodeFolder,
  custody: PreparedCustody,
  { cluster, endpoints, serial }: Introduction,
): Promise<SignedCard> {
  const { id, name, voteKey } = custody.entry;
  const keys = existsSync(folder.networkKeysFile)
    ? readNetworkKeys(folder.networkKeysFile)
    : createNetworkKeys(folder.networkKeysFile);
  const card: PeerCard = {
    cluster,
    node: id,
    name,
    voteKey,
    serial,
    libp2pKey: engine.ed25519Signer(keys.libp2p).publicKey,
    relaySignKey: engine.ed25519Signer(keys.relaySign).publicKey,
    relaySealKey: engine.x25519Public(keys.relaySeal),
    tlsKey: tlsPublicKey(folder),
    endpoints,
  };
  return { card, signature: await custody.sign("card", peerCardCodec.encode(card)) };
}

/** The key of the node's certificates, as SubjectPublicKeyInfo; drawn if it is not there. */
function tlsPublicKey({ certificatesDir }: NodeFolder): Uint8Array {
  const file = join(certificatesDir, "node.key");
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writePrivate(file, privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  }
  const publicKey = createPublicKey(createPrivateKey(readPrivate(file)));
  return new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
}

/** The nodes that cards speak of, in the roster's order. */
export const rosterOf = (cards: readonly SignedCard[]): readonly RosterEntry[] =>
  cards
    .map(({ card: { node, name, voteKey } }): RosterEntry => ({ id: node, name, voteKey }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** This node's signature on the charter. Throws `CustodyNotOpened` for one that does not name the node as it is. */
export const agree = (custody: PreparedCustody, charter: Charter): Promise<Uint8Array> =>
  custody.sign("charter", charterCodec.encode(charter));
