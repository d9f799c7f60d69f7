/** DKLS23 as custody uses a signature scheme: everything that it may do with one, bound to an engine. */
import { verifyEcdsa, type Engine, type Point, type TweakContext } from "@conclave/crypto";
import type { KeyShare, Valid } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { edgeCodec, wipeEdge, type Edge } from "./edge.ts";
import { dkls23KeygenProtocol, type Dkls23Key } from "./key.ts";
import { wipePresignature, type Presignature } from "./presignature.ts";
import { MAX_COMMITTEE, type SetupResult } from "./setup/config.ts";
import { setupProtocol } from "./setup/index.ts";
import { finishConfigFromShare, presignConfigFromShare, signConfigFromShare } from "./sign/from-share.ts";
import { finishProtocol, presignProtocol, signProtocol } from "./sign/index.ts";

/** What custody orders: `edges` are what `open` gave for the peers of one session. */
interface PresignOrder {
  readonly key: Uint8Array;
  readonly share: Valid<KeyShare>;
  readonly tweak: TweakContext;
  readonly approval: Uint8Array;
  readonly edges: ReadonlyMap<PartyIndex, unknown>;
}

interface SignOrder extends PresignOrder {
  readonly message: Uint8Array;
}

/** The scheme `dkls23-secp256k1`. */
export const dkls23Scheme = (engine: Engine) => ({
  scheme: "dkls23-secp256k1" as const,
  maxParties: MAX_COMMITTEE,
  keygen: dkls23KeygenProtocol(engine),
  made(result: unknown) {
    const { share, edges } = result as Dkls23Key;
    return { share, edges: encodeEdges(edges) };
  },
  edges: {
    protocol: setupProtocol(engine),
    config: (certificate: Uint8Array) => ({ certificate }),
    made: (result: unknown) => encodeEdges((result as SetupResult).edges),
    open(encoded: Uint8Array) {
      // Of its own: the caller wipes what it read, and a decoder may hand out views.
      const edge = edgeCodec.decode(encoded.slice());
      return { setup: edge.setup, edge };
    },
    wipe: (edge: unknown) => wipeEdge(edge as Edge),
  },
  presigning: {
    protocol: presignProtocol(engine),
    config: (order: PresignOrder) => presignConfigFromShare(typed(order)),
    id: (presignature: unknown) => (presignature as Presignature).id,
    finish: finishProtocol(engine),
    finishConfig: (order: SignOrder, presignature: unknown) =>
      finishConfigFromShare(typed(order), presignature as Presignature),
    wipe: (presignature: unknown) => wipePresignature(presignature as Presignature),
  },
  protocol: signProtocol(engine),
  config: (order: SignOrder) => signConfigFromShare(typed(order)),
  signature: (result: unknown) => result as Uint8Array,
  verify: (publicKey: Point, message: Uint8Array, signature: Uint8Array) =>
    verifyEcdsa(engine.secp256k1, publicKey, message, signature),
});

const typed = <Order extends PresignOrder>(order: Order) => ({
  ...order,
  edges: order.edges as ReadonlyMap<PartyIndex, Edge>,
});

/** Each edge as it is stored; what was encoded is wiped. */
function encodeEdges(edges: ReadonlyMap<PartyIndex, Edge>): ReadonlyMap<PartyIndex, Uint8Array> {
  return new Map(
    [...edges].map(([peer, edge]) => {
      const encoded = edgeCodec.encode(edge);
      wipeEdge(edge);
      return [peer, encoded] as const;
    }),
  );
}
