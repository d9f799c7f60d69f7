/**
 * A registered peer that means ill: it holds a node's folder with all its keys, speaks the cluster's network as that node, and
 * floods. `node flooder.ts CONFIG KIND [REQUEST]` in a process of its own; says on its channel how much it sent.
 */
import { randomBytes } from "node:crypto";
import { registerHooks } from "node:module";
import { join, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { NodeId } from "@conclave/consensus";
import type { Identity } from "@conclave/custody";
import type { Transport } from "@conclave/node";

export const FLOODS = ["small", "large", "oversize", "delivery", "setups", "lives"] as const;
export type Flood = (typeof FLOODS)[number];

/** What a flooder says of itself. */
export interface Flooded {
  readonly frames: number;
  readonly bytes: number;
  /** Transports that it opened, each a new life of the node. */
  readonly lives: number;
  /** Sessions that it began: each life dials every peer. */
  readonly sessions: number;
  /** Links that it had. */
  readonly links: number;
}

/** Frames handed over between two turns of the event loop: enough to keep every buffer full. */
const AT_ONCE = 200;
const LARGE_BYTES = 1 << 20;
const OVERSIZE_BYTES = 4 << 20;
const TELL_MS = 500;
/** A life that gets no link in so long is given up: its peers refuse it. */
const LIFE_MS = 1_500;
/** Lives at once, as of a folder that was copied to many machines. */
const LIVES_AT_ONCE = 16;

async function flood(configFile: string, kind: Flood, request: string | null): Promise<void> {
  if (kind === "oversize") liftFrameLimit();
  const world = await openWorld(configFile);
  const told = { frames: 0, bytes: 0, lives: 0, sessions: 0, links: 0 };
  setInterval(() => process.send?.(told satisfies Flooded), TELL_MS);
  if (kind === "lives") return live(world, told);
  const transport = await world.open();
  told.lives++;
  told.sessions += world.peers.length;
  await transport.start({ frame: () => {}, link: (_, up) => void (up && told.links++) });
  const frames = await framesOf(kind, world, request);
  for (;;) {
    for (const peer of world.peers) {
      if (!transport.isUp(peer)) continue;
      for (let n = 0; n < frames.atOnce; n++) {
        const frame = frames.next();
        transport.send(peer, frame);
        told.frames++;
        told.bytes += frame.length;
      }
    }
    await turn();
  }
}

/** A node that was built with another limit. Before anything of ours is loaded. */
function liftFrameLimit(): void {
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (!url.endsWith("/core/node/ports.ts")) return loaded;
      const { source: bytes } = loaded;
      const text = typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes ?? new Uint8Array());
      const source = text.replace("MAX_FRAME_BYTES = 1 << 20", "MAX_FRAME_BYTES = 1 << 24");
      return { ...loaded, source };
    },
  });
}

/** What a node is and has that somebody else holds. */
export interface World {
  readonly peers: readonly NodeId[];
  readonly identity: Identity;
  readonly rosterHash: Uint8Array;
  /** A transport of the node, not started: another process, for all that its peers can see. */
  readonly open: () => Promise<Transport>;
  /** The same where the node itself listens, so that peers that dial it come here; the node must not run. */
  readonly openInPlace: () => Promise<Transport>;
}

export async function openWorld(configFile: string): Promise<World> {
  const [{ resolveConfig }, folders, { openNetwork }, { readPassword }, custody, vaults, { rosterHash }, { engine }] =
    await Promise.all([
      import("../../cluster/config.ts"),
      import("../../cluster/node-folder.ts"),
      import("../../cluster/transports.ts"),
      import("../../password.ts"),
      import("@conclave/custody"),
      import("@conclave/vault-file"),
      import("@conclave/consensus"),
      import("../../engine.ts"),
    ]);
  const { config, base } = resolveConfig(configFile, {});
  const folder = folders.nodeFolderAt(resolve(base, config.data));
  const membership = folders.readMembership(folder);
  const password = await readPassword(resolve(base, config.password_file!));
  const identity = custody.loadIdentity(engine, vaults.openVault({ dir: join(folder.root, "vault"), password }));
  const opened = (where: typeof config): Promise<Transport> =>
    openNetwork({ self: identity.id, membership, folder, config: where, observe: () => {} });
  return {
    identity,
    peers: membership.charter.roster.nodes.map(({ id }) => id).filter((id) => id !== identity.id),
    rosterHash: rosterHash(membership.charter.roster),
    open: () => opened(anywhere(config)),
    openInPlace: () => opened(config),
  };
}

/** Many at once cannot all listen where the node does. */
const anywhere = <T extends { listen_quic: string; listen_libp2p: string[] }>(config: T): T => ({
  ...config,
  listen_quic: "127.0.0.1:0",
  listen_libp2p: ["/ip4/127.0.0.1/tcp/0"],
});

/** New lives of the node without end, several at once. */
async function live({ open, peers }: World, told: { lives: number; sessions: number; links: number }): Promise<void> {
  const one = async (): Promise<never> => {
    for (;;) {
      const transport = await open();
      told.lives++;
      told.sessions += peers.length;
      await new Promise<void>((done) => {
        const patience = setTimeout(done, LIFE_MS);
        let links = 0;
        void transport.start({
          frame: () => {},
          link: (_, up) => {
            if (!up) return;
            told.links++;
            if (++links < peers.length) return;
            clearTimeout(patience);
            done();
          },
        });
      });
      await transport.close();
    }
  };
  await Promise.all(Array.from({ length: LIVES_AT_ONCE }, one));
}

/** Makes frames of payloads, as every node does; what is not answered is sent again by nobody. */
export async function properly(self: NodeId): Promise<(payload: Uint8Array) => Uint8Array> {
  const { Delivery } = await import("@conclave/node");
  let captured = new Uint8Array();
  const delivery = new Delivery({
    clock: { nowMs: () => Date.now(), schedule: () => ({ cancel: () => {} }) },
    transport: {
      send: (_, frame) => void (captured = Uint8Array.from(frame)),
      isUp: () => true,
      start: async () => {},
      close: async () => {},
    },
  });
  return (payload) => {
    delivery.send(self, payload, "flood");
    return captured;
  };
}

interface Frames {
  readonly atOnce: number;
  readonly next: () => Uint8Array;
}

async function framesOf(
  kind: Exclude<Flood, "lives">,
  { identity, rosterHash }: World,
  request: string | null,
): Promise<Frames> {
  const garbage = (length: number): (() => Uint8Array) => {
    const bytes = new Uint8Array(randomBytes(length));
    return () => bytes;
  };
  if (kind === "small") return { atOnce: AT_ONCE, next: garbage(32) };
  if (kind === "large") return { atOnce: 1, next: garbage(LARGE_BYTES) };
  if (kind === "oversize") return { atOnce: 1, next: garbage(OVERSIZE_BYTES) };
  const wrapped = await properly(identity.id);
  if (kind === "delivery") return { atOnce: AT_ONCE, next: () => wrapped(new Uint8Array(randomBytes(200))) };
  const { sealEnvelope, setupCodec, subjectRound } = await import("@conclave/custody");
  let attempt = 0;
  const setup = (): Uint8Array => {
    attempt = (attempt + 1) % 1_000_000;
    // Of a request that everybody knows, and of ones that nobody ever heard of.
    const known = request !== null && attempt % 2 === 0;
    const subject = {
      request: new Uint8Array(known ? Buffer.from(request, "hex") : randomBytes(32)),
      revision: 1,
      digest: new Uint8Array(32),
      round: 0,
      attempt,
    };
    const fields = { kind: "setup" as const, request: subject.request, attempt, round: subjectRound(subject) };
    const body = setupCodec.encode({ ...subject, votes: [] });
    return wrapped(sealEnvelope(identity, rosterHash, fields, body).wire);
  };
  return { atOnce: 20, next: setup };
}

if (import.meta.main) await flood(process.argv[2]!, process.argv[3] as Flood, process.argv[4] ?? null);
