/** A wire for connections (TLS, libp2p, WebSocket): delays, narrows, spoils, stalls and cuts them, drawn from a seed. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { chanceFrom, checkStreamRules, CLEAN_STREAMS, type StreamRules } from "./rules.ts";
import { reset, StreamLane, type Spoiling } from "./stream-lane.ts";
import { HOST, noCounts, type Direction, type Wire, type WireOptions } from "./wire.ts";

interface Flow {
  readonly near: Socket;
  readonly far: Socket;
  readonly lanes: Readonly<Record<Direction, StreamLane>>;
}

export class StreamWire implements Wire<StreamRules> {
  readonly counts = noCounts();
  target: number | null;
  readonly #server: Server;
  readonly #flows = new Set<Flow>();
  /** Connections that came while nothing passed: nobody heard of them on the other side. */
  readonly #held = new Set<Socket>();
  readonly #spoiling: Readonly<Record<Direction, Spoiling>>;
  #rules: StreamRules;
  #isBlocked = false;

  private constructor(server: Server, { seed, target = null, rules = {} }: WireOptions<StreamRules>) {
    this.#server = server;
    this.target = target;
    this.#rules = checkStreamRules({ ...CLEAN_STREAMS, ...rules });
    const spoiling = (direction: Direction): Spoiling => ({
      chance: chanceFrom(`${seed}/${direction}`),
      jitter: chanceFrom(`${seed}/${direction}/jitter`),
      toCorruption: null,
      toCut: null,
    });
    this.#spoiling = { forth: spoiling("forth"), back: spoiling("back") };
    server.on("connection", (near) => this.#arrived(near));
  }

  static async open(options: WireOptions<StreamRules>): Promise<StreamWire> {
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true });
    const wire = new StreamWire(server, options);
    server.listen(0, HOST);
    await once(server, "listening");
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  impair(rules: Partial<StreamRules>): void {
    this.#rules = checkStreamRules({ ...CLEAN_STREAMS, ...rules });
    for (const spoiling of Object.values(this.#spoiling)) {
      spoiling.toCorruption = null;
      spoiling.toCut = null;
    }
  }

  block(): void {
    this.#isBlocked = true;
    for (const { lanes } of this.#flows) for (const lane of Object.values(lanes)) lane.block();
  }

  unblock(): void {
    this.#isBlocked = false;
    for (const { lanes } of this.#flows) for (const lane of Object.values(lanes)) lane.unblock();
    const held = [...this.#held];
    this.#held.clear();
    for (const near of held) if (!near.destroyed) this.#join(near);
  }

  strand(direction: Direction): void {
    for (const { lanes } of this.#flows) lanes[direction].strand();
  }

  cut(): void {
    for (const flow of this.#flows) this.#reset(flow);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const near of this.#held) near.destroy();
    for (const { near, far } of this.#flows) {
      near.destroy();
      far.destroy();
    }
    await closed;
  }

  #arrived(near: Socket): void {
    near.on("error", () => {});
    if (this.target === null) return void near.destroy();
    if (!this.#isBlocked) return this.#join(near);
    this.#held.add(near);
    near.once("close", () => this.#held.delete(near));
  }

  #join(near: Socket): void {
    if (this.target === null) return void near.destroy();
    const far = connect({ port: this.target, host: HOST, noDelay: true, allowHalfOpen: true }).pause();
    const cut = (): void => this.#reset(flow);
    const lane = (direction: Direction, source: Socket, sink: Socket): StreamLane =>
      new StreamLane({
        source,
        sink,
        spoiling: this.#spoiling[direction],
        counts: this.counts,
        rules: () => this.#rules,
        cut,
      });
    const flow: Flow = { near, far, lanes: { forth: lane("forth", near, far), back: lane("back", far, near) } };
    this.#flows.add(flow);
    const forget = (): void => {
      if (near.destroyed && far.destroyed) this.#flows.delete(flow);
    };
    near.once("close", forget);
    far.once("close", forget);
  }

  #reset({ near, far, lanes }: Flow): void {
    this.counts.cut++;
    for (const lane of Object.values(lanes)) lane.end();
    reset(near);
    reset(far);
  }
}
