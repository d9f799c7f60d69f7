/** A wire for datagrams (QUIC): loses, repeats, reorders, delays, spoils and holds back single ones, drawn from a seed. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import {
  chanceFrom,
  checkDatagramRules,
  CLEAN_DATAGRAMS,
  withAnotherBit,
  type Chance,
  type DatagramRules,
} from "./rules.ts";
import { HOST, noCounts, type Direction, type Wire, type WireOptions } from "./wire.ts";

/** One that is to be overtaken waits for the next of its direction, but not longer. */
const OVERTAKEN_WITHIN_MS = 20;
/** A narrow line holds so much of its own second before it loses what comes: as routers do. */
const QUEUE_MS = 250;
/** What a wide but long line holds: 40 MB/s over 100 ms. */
const MAX_HELD_BYTES = 4 << 20;
/** Senders told apart; the one that was there first goes first. */
const MAX_FLOWS = 4_096;
/** Bursts of a whole cluster on one machine overflow the system's usual buffer, and that loss has no seed. */
const SOCKET_BUFFER_BYTES = 4 << 20;

/** What comes from one sender, and what goes back to it. */
interface Flow {
  readonly near: RemoteInfo;
  readonly far: Socket;
  readonly stranded: Set<Direction>;
}

interface Lane {
  readonly chance: Chance;
  /** When the narrow line has passed on what it holds. */
  freeMs: number;
  heldBytes: number;
  /** What waits to be overtaken. */
  overtaken: (() => void) | null;
}

export class DatagramWire implements Wire<DatagramRules> {
  readonly counts = noCounts();
  target: number | null;
  readonly #near: Socket;
  readonly #flows = new Map<string, Flow>();
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #rules: DatagramRules;
  #isBlocked = false;

  private constructor(near: Socket, rules: DatagramRules, { seed, target = null }: WireOptions<DatagramRules>) {
    this.#near = near;
    this.target = target;
    this.#rules = rules;
    const lane = (direction: Direction): Lane => ({
      chance: chanceFrom(`${seed}/${direction}`),
      freeMs: 0,
      heldBytes: 0,
      overtaken: null,
    });
    this.#lanes = { forth: lane("forth"), back: lane("back") };
    near.on("message", (datagram, from) => this.#fromNear(datagram, from));
  }

  static async open(options: WireOptions<DatagramRules>): Promise<DatagramWire> {
    const rules = checkDatagramRules({ ...CLEAN_DATAGRAMS, ...options.rules });
    return new DatagramWire(await openSocket(), rules, options);
  }

  get port(): number {
    return this.#near.address().port;
  }

  impair(rules: Partial<DatagramRules>): void {
    this.#rules = checkDatagramRules({ ...CLEAN_DATAGRAMS, ...rules });
  }

  block(): void {
    this.#isBlocked = true;
  }

  unblock(): void {
    this.#isBlocked = false;
  }

  strand(direction: Direction): void {
    for (const { stranded } of this.#flows.values()) stranded.add(direction);
  }

  /** Datagrams end in silence: a cut is a flow of which nothing passes. */
  cut(): void {
    for (const { stranded } of this.#flows.values()) stranded.add("forth").add("back");
    this.counts.cut += this.#flows.size;
  }

  async close(): Promise<void> {
    this.#isBlocked = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { far } of this.#flows.values()) far.close();
    this.#flows.clear();
    const closed = once(this.#near, "close");
    this.#near.close();
    await closed;
  }

  #fromNear(datagram: Buffer, from: RemoteInfo): void {
    const { target } = this;
    if (target === null || this.#isBlocked) return void this.counts.dropped++;
    const key = `${from.port} ${target}`;
    const flow = this.#flows.get(key) ?? this.#openFlow(key, from, target);
    this.#pass("forth", flow, datagram, (bytes) => flow.far.send(bytes, target, HOST));
  }

  #openFlow(key: string, near: RemoteInfo, target: number): Flow {
    const far = createSocket("udp4");
    const flow: Flow = { near, far, stranded: new Set() };
    far.on("message", (datagram) => {
      if (this.#isBlocked || this.target !== target) return void this.counts.dropped++;
      this.#pass("back", flow, datagram, (bytes) => this.#near.send(bytes, near.port, near.address));
    });
    // The other end may be gone: what is sent there then is lost, as on any network.
    far.on("error", () => {});
    if (this.#flows.size >= MAX_FLOWS) {
      const [oldest] = this.#flows;
      oldest![1].far.close();
      this.#flows.delete(oldest![0]);
    }
    this.#flows.set(key, flow);
    return flow;
  }

  #pass(direction: Direction, flow: Flow, datagram: Buffer, send: (bytes: Uint8Array) => void): void {
    const { counts } = this;
    const lane = this.#lanes[direction];
    const { drop, duplicate, reorder, corrupt, delayMs, jitterMs, bytesPerSecond } = this.#rules;
    // Each datagram draws as often, whatever the rules are: what happens to later ones depends on their place alone.
    const { lost, twice, late, spoiled, jitter, place } = draw(lane.chance);
    if (lost < drop || flow.stranded.has(direction)) return void counts.dropped++;
    const nowMs = performance.now();
    const lineMs = bytesPerSecond === 0 ? 0 : (datagram.length / bytesPerSecond) * 1_000;
    const startMs = Math.max(nowMs, lane.freeMs);
    const isFull = bytesPerSecond === 0 ? lane.heldBytes > MAX_HELD_BYTES : startMs - nowMs > QUEUE_MS;
    if (isFull) return void counts.dropped++;
    lane.freeMs = startMs + lineMs;
    let bytes: Uint8Array = datagram;
    if (spoiled < corrupt && datagram.length > 0) {
      counts.corrupted++;
      bytes = withAnotherBit(datagram, Math.floor(place * datagram.length * 8));
    }
    if (twice < duplicate) counts.duplicated++;
    const deliver = (): void => {
      lane.heldBytes -= bytes.length;
      if (this.#isBlocked || flow.stranded.has(direction) || !this.#isOpen(flow)) return void counts.dropped++;
      counts.passed++;
      counts.bytes += bytes.length;
      send(bytes);
      if (twice < duplicate) send(bytes);
    };
    lane.heldBytes += bytes.length;
    const waitMs = lane.freeMs - nowMs + delayMs + jitter * jitterMs;
    const go = (): void => this.#after(waitMs, deliver);
    if (late < reorder && lane.overtaken === null) return this.#holdBack(lane, go);
    go();
    lane.overtaken?.();
  }

  #holdBack(lane: Lane, go: () => void): void {
    this.counts.reordered++;
    const release = (): void => {
      if (lane.overtaken !== release) return;
      lane.overtaken = null;
      go();
    };
    lane.overtaken = release;
    this.#after(OVERTAKEN_WITHIN_MS, release);
  }

  #isOpen(flow: Flow): boolean {
    return this.#flows.has(`${flow.near.port} ${this.target}`);
  }

  #after(waitMs: number, work: () => void): void {
    if (waitMs <= 0) return work();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, waitMs);
    this.#timers.add(timer);
  }
}

const draw = (chance: Chance) => ({
  lost: chance(),
  twice: chance(),
  late: chance(),
  spoiled: chance(),
  jitter: chance(),
  place: chance(),
});

async function openSocket(): Promise<Socket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: SOCKET_BUFFER_BYTES });
  socket.bind(0, HOST);
  await once(socket, "listening");
  return socket;
}
