/** Cards of the nodes of a test cluster, and the identities that sign them. For tests only. */
import { utf8 } from "@conclave/bytes";
import { portableEngine as engine, type Ed25519Signer } from "@conclave/crypto";
import type { PeerCard } from "../peer-card.ts";
import { testCluster } from "./cluster.ts";

/** The identity of the i-th node (from 0) of `testCluster(n)`. */
export const envelopeSigner = (i: number, n: number): Ed25519Signer =>
  engine.ed25519Signer(engine.sha256(utf8(`envelope key of node ${i} of ${n}`)));

/** What no test looks into: as long as the DER of a P-256 key. */
const TLS_KEY = new Uint8Array(91).fill(0x30);

/** The card of the i-th node (from 0) of `testCluster(n)`. */
export function testCard(i: number, n: number, changes: Partial<PeerCard> = {}): PeerCard {
  const { roster } = testCluster(n);
  const { id, name, voteKey } = roster.nodes[i]!;
  const seed = (use: string): Uint8Array => engine.sha256(utf8(`${use} of node ${i} of ${n}`));
  return {
    cluster: roster.cluster,
    node: id,
    name,
    voteKey,
    serial: 1,
    libp2pKey: engine.ed25519Signer(seed("libp2p")).publicKey,
    relaySignKey: engine.ed25519Signer(seed("relay signing")).publicKey,
    relaySealKey: engine.x25519Public(seed("relay sealing")),
    tlsKey: TLS_KEY,
    endpoints: { quic: ["node.example.org:9000"], libp2p: ["/dns4/node.example.org/tcp/9001"] },
    ...changes,
  };
}
