/** Where a transport is tried: a network of a few nodes, and what each of them saw. */
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { NodeId } from "@conclave/consensus";
import type { Transport, TransportHandler } from "../../ports.ts";

/** A healthy network with nobody on it. */
export interface TransportNetwork {
  /** Three nodes or more, each other's peers. */
  readonly nodes: readonly NodeId[];
  /** A node's end, not started. After its end was closed or crashed: the same node, restarted. */
  join(node: NodeId): Promise<Transport>;
  /** The node's process ends without a goodbye. Its end is not used any more. */
  crash(node: NodeId): Promise<void>;
  /** Lets a little time pass; a few real milliseconds if absent. */
  readonly pass?: () => Promise<void>;
  /** Closes whatever is left. */
  dispose(): Promise<void>;
}

/** An id that no roster of a test holds. */
export const STRANGER = "ff".repeat(32) as NodeId;

/** How long anything may take on a healthy network; an idle timeout, after which a dead peer is noticed, included. */
const PATIENCE_MS = 30_000;
/** Turns after which whatever was under way without a reason to wait has arrived. */
const QUIET_TURNS = 25;

/** Lets time pass until `condition` holds. */
export async function eventually(
  network: TransportNetwork,
  what: string,
  condition: () => boolean,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadlineMs = Date.now() + patienceMs;
  while (!condition()) {
    assert(Date.now() < deadlineMs, `not within ${patienceMs} ms: ${what}`);
    await pass(network);
  }
}

/** Lets some time pass in which something must not happen. */
export async function quiet(network: TransportNetwork): Promise<void> {
  for (let turn = 0; turn < QUIET_TURNS; turn++) await pass(network);
}

const pass = (network: TransportNetwork): Promise<void> => (network.pass ?? (() => wait(2)))();

interface Arrival {
  readonly from: NodeId;
  readonly frame: Uint8Array;
}

/** A node on the network: its end, and everything that was handed to it, checked as it came. */
export class Member implements TransportHandler {
  readonly node: NodeId;
  readonly end: Transport;
  readonly frames: Arrival[] = [];
  readonly links: { readonly peer: NodeId; readonly up: boolean }[] = [];
  /** What its node does besides remembering. */
  onFrame: (from: NodeId, frame: Uint8Array) => void = () => {};
  onLink: (peer: NodeId, up: boolean) => void = () => {};
  /** The first thing that came and must not have come. */
  #broken: string | null = null;

  constructor(node: NodeId, end: Transport) {
    this.node = node;
    this.end = end;
  }

  frame(from: NodeId, frame: Uint8Array): void {
    if (!this.upTo(from)) this.#broken ??= "a frame came from a peer whose link is not up";
    this.frames.push({ from, frame });
    this.onFrame(from, frame);
  }

  link(peer: NodeId, up: boolean): void {
    if (this.upTo(peer) === up) this.#broken ??= `a link was reported ${up ? "up" : "down"} twice`;
    if (this.end.isUp(peer) !== up) this.#broken ??= "isUp contradicts the notice of that moment";
    this.links.push({ peer, up });
    this.onLink(peer, up);
  }

  /** Throws what was wrong with anything that came so far. */
  check(): void {
    assert.equal(this.#broken, null);
  }

  /** What the last notice said of a peer. */
  upTo(peer: NodeId): boolean {
    return this.links.findLast((notice) => notice.peer === peer)?.up ?? false;
  }

  /** Every notice about a peer, in order. */
  noticesOf(peer: NodeId): readonly boolean[] {
    return this.links.filter((notice) => notice.peer === peer).map(({ up }) => up);
  }

  /** Text of every frame from a peer, sorted: links promise no order. */
  textsFrom(peer: NodeId): readonly string[] {
    const texts = this.frames.filter(({ from }) => from === peer).map(({ frame }) => textOf(frame));
    return [...new Set(texts)].sort();
  }
}

/** A short frame. */
export const textFrame = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (frame: Uint8Array): string => new TextDecoder().decode(frame);

/** Joins and starts a node. */
export async function startNode(network: TransportNetwork, node: NodeId): Promise<Member> {
  const member = new Member(node, await network.join(node));
  await member.end.start(member);
  return member;
}

/** Waits until the links between all of these are up at both ends. */
export const connected = (network: TransportNetwork, members: readonly Member[]): Promise<void> =>
  eventually(network, "all links are up", () =>
    members.every(({ end, node }) => members.every((peer) => peer.node === node || end.isUp(peer.node))),
  );

/** Waits until `to` has had this text from `from`. */
export const arrives = (network: TransportNetwork, to: Member, from: Member, text: string): Promise<void> =>
  eventually(network, `"${text}" arrives`, () => to.textsFrom(from.node).includes(text));

/** One promise of a transport, tried by three connected nodes. */
export type TransportTest = (
  members: readonly [Member, Member, Member],
  network: TransportNetwork,
) => Promise<void> | void;

/** Makes a network for a test and disposes of it afterwards. */
export interface Networks {
  /** With nobody on it. */
  empty(
    test: (network: TransportNetwork, nodes: readonly [NodeId, NodeId, NodeId]) => Promise<void>,
  ): () => Promise<void>;
  /** With three connected nodes. Fails too if anything came to one of them that must not come. */
  connected(test: TransportTest): () => Promise<void>;
}

export function networksFrom(makeNetwork: () => Promise<TransportNetwork>): Networks {
  const empty: Networks["empty"] = (test) => async () => {
    const network = await makeNetwork();
    try {
      const [a, b, c] = network.nodes;
      assert(a !== undefined && b !== undefined && c !== undefined, "the suite needs three nodes");
      await test(network, [a, b, c]);
    } finally {
      await network.dispose();
    }
  };
  return {
    empty,
    connected: (test) =>
      empty(async (network, [a, b, c]) => {
        const members = [
          await startNode(network, a),
          await startNode(network, b),
          await startNode(network, c),
        ] as const;
        await connected(network, members);
        await test(members, network);
        for (const member of members) member.check();
      }),
  };
}
