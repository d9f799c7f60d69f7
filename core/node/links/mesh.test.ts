import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeId } from "@conclave/consensus";
import { MAX_FRAME_BYTES, type Clock, type TransportHandler } from "../ports.ts";
import { VirtualClock, settled } from "../testing/clock.ts";
import { MemoryConnection, MemoryLinks } from "../testing/memory-links.ts";
import { transportContract } from "../testing/transport-contract.ts";
import { ACK, BYE, FRAME, frameMessage, HELLO, PING } from "./framing.ts";
import { ackCodec, helloCodec, LINK_VERSION, type Hello } from "./greeting.ts";
import type { LinkMesh } from "./mesh.ts";

const NODES = [1, 2, 3].map((n) => n.toString(16).padStart(64, "0") as NodeId);
const [ONE, TWO, THREE] = NODES as [NodeId, NodeId, NodeId];

const realClock: Clock = {
  nowMs: () => Date.now(),
  schedule(delayMs, fire) {
    const timer = setTimeout(fire, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

transportContract("mesh of links in memory", async () => {
  const links = new MemoryLinks(NODES, realClock);
  return {
    nodes: NODES,
    join: async (node) => links.join(node),
    crash: (node) => links.crash(node),
    dispose: async () => void (await Promise.all(NODES.map((node) => links.crash(node)))),
  };
});

/** What came to a node. */
class Seen implements TransportHandler {
  readonly frames: Uint8Array[] = [];
  readonly links: boolean[] = [];
  frame(_: NodeId, frame: Uint8Array): void {
    this.frames.push(frame);
  }
  link(_: NodeId, up: boolean): void {
    this.links.push(up);
  }
}

/** A mesh of node two, in virtual time, whose only peer is one connection that the test speaks on itself. */
class Bench {
  readonly clock = new VirtualClock(1_000_000);
  readonly links = new MemoryLinks([ONE, TWO], this.clock);
  readonly mesh: LinkMesh = this.links.join(TWO, { silenceMs: 4_000 });
  readonly seen = new Seen();

  async start(): Promise<this> {
    await this.mesh.start(this.seen);
    return this;
  }

  /** Node one connects; what it hears is collected. */
  connect(): Wire {
    const wire = new Wire(this.links.connect(ONE, TWO));
    return wire;
  }

  async run(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs() + ms;
    this.clock.schedule(ms, () => {});
    for (let turn = 0; turn < 8; turn++) await settled();
    while (await this.clock.step(untilMs)) for (let turn = 0; turn < 4; turn++) await settled();
  }

  /** Why greetings were refused, in order. */
  get refusals(): readonly string[] {
    return this.links.events.flatMap((event) => (event.kind === "refused" ? [event.reason] : []));
  }
}

/** Node one's side of a connection, byte by byte. */
class Wire {
  readonly #connection: MemoryConnection;
  readonly heard: Uint8Array[] = [];
  isClosed = false;

  constructor(connection: MemoryConnection) {
    this.#connection = connection;
    connection.attach({
      received: (bytes) => void this.heard.push(bytes),
      drained: () => {},
      closed: () => {
        this.isClosed = true;
      },
    });
  }

  say(kind: number, payload: Uint8Array = new Uint8Array()): this {
    this.#connection.write(frameMessage(kind, payload));
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#connection.write(bytes);
    return this;
  }

  hello(changed: Partial<Hello> = {}): this {
    const hello = { version: LINK_VERSION, roster: new Uint8Array(32), from: ONE, to: TWO, life: LIFE, ...changed };
    return this.say(HELLO, helloCodec.encode(hello));
  }

  /** Accepts the greeting of the mesh's first life. */
  ack(life: Uint8Array = FIRST_LIFE): this {
    return this.say(ACK, ackCodec.encode({ life }));
  }
}

const LIFE = new Uint8Array(16).fill(7);
const FIRST_LIFE = Uint8Array.from({ length: 16 }, (_, i) => (i === 3 ? 1 : 0));
const prefix = (length: number, kind: number): Uint8Array => {
  const bytes = new Uint8Array(5);
  new DataView(bytes.buffer).setUint32(0, length);
  bytes[4] = kind;
  return bytes;
};

describe("a link's greeting", () => {
  it("brings the link up, and frames after it arrive", async () => {
    const bench = await new Bench().start();
    bench
      .connect()
      .hello()
      .ack()
      .say(FRAME, new Uint8Array([1, 2]));
    await bench.run(10);
    assert.deepEqual([bench.seen.links, bench.seen.frames], [[true], [new Uint8Array([1, 2])]]);
  });

  const REFUSED: readonly [string, (wire: Wire) => unknown, RegExp][] = [
    ["another roster", (wire) => wire.hello({ roster: new Uint8Array(32).fill(1) }), /another roster/],
    ["another version", (wire) => wire.hello({ version: 2 }), /version 2 .* run the same release/],
    ["somebody else's name", (wire) => wire.hello({ from: THREE }), /somebody else/],
    ["a greeting meant for somebody else", (wire) => wire.hello({ to: THREE }), /somebody else/],
    ["bytes that are no greeting", (wire) => wire.say(HELLO, new Uint8Array(9)), /cannot be read/],
    [
      "an acknowledgement of another life",
      (wire) => wire.hello().ack(new Uint8Array(16).fill(9)),
      /somebody else's greeting/,
    ],
    ["an acknowledgement that is none", (wire) => wire.hello().say(ACK, new Uint8Array(3)), /somebody else's greeting/],
    ["a frame before the greeting", (wire) => wire.say(FRAME, new Uint8Array(1)), /did not greet/],
    ["two acknowledgements before the greeting", (wire) => wire.ack().ack(), /did not greet/],
    ["a message of an unknown kind", (wire) => wire.raw(prefix(0, 77)), /unknown kind 77/],
    ["a length of 2^32 − 1", (wire) => wire.raw(prefix(0xffff_ffff, FRAME)), /4294967295 bytes/],
    ["a frame that is a byte too long", (wire) => wire.raw(prefix(MAX_FRAME_BYTES + 1, FRAME)), /1048577 bytes/],
  ];
  for (const [what, greet, reason] of REFUSED) {
    it(`refuses ${what}, and hears no more`, async () => {
      const bench = await new Bench().start();
      const wire = bench.connect();
      greet(wire);
      await bench.run(10);
      wire.hello().ack().say(FRAME, new Uint8Array(1));
      await bench.run(10);
      assert.deepEqual([bench.seen.links, bench.seen.frames, wire.isClosed], [[], [], true]);
      assert.equal(bench.refusals.length, 1);
      assert.match(bench.refusals[0]!, reason);
    });
  }

  it("is waited for 5 s", async () => {
    const bench = await new Bench().start();
    const [silent, half] = [bench.connect(), bench.connect().hello()];
    await bench.run(4_900);
    assert.deepEqual([silent.isClosed, half.isClosed], [false, false]);
    await bench.run(200);
    assert.deepEqual([silent.isClosed, half.isClosed, bench.seen.links], [true, true, []]);
  });

  it("on more connections than anybody needs costs the oldest of them", async () => {
    const bench = await new Bench().start();
    const wires = Array.from({ length: 6 }, () => bench.connect());
    await bench.run(10);
    assert.deepEqual(
      wires.map(({ isClosed }) => isClosed),
      [true, true, false, false, false, false],
    );
  });
});

describe("a link", () => {
  const upLink = async (): Promise<readonly [Bench, Wire]> => {
    const bench = await new Bench().start();
    const wire = bench.connect().hello().ack();
    await bench.run(10);
    assert.deepEqual(bench.seen.links, [true]);
    return [bench, wire];
  };

  it("goes down at a goodbye", async () => {
    const [bench, wire] = await upLink();
    wire.say(BYE);
    await bench.run(10);
    assert.deepEqual(bench.seen.links, [true, false]);
  });

  it("ends when it is greeted on again, or sends an oversize header", async () => {
    for (const spoil of [(wire: Wire) => wire.hello(), (wire: Wire) => wire.raw(prefix(2 ** 31, FRAME))]) {
      const [bench, wire] = await upLink();
      spoil(wire);
      await bench.run(10);
      assert.deepEqual([bench.seen.links, wire.isClosed], [[true, false], true]);
    }
  });

  it("is up as long as anything is heard, and down after the allowed silence", async () => {
    const [bench, wire] = await upLink();
    for (let n = 0; n < 5; n++) {
      await bench.run(3_000);
      wire.say(PING);
    }
    assert.deepEqual(bench.seen.links, [true]);
    await bench.run(3_900);
    assert.deepEqual(bench.seen.links, [true]);
    await bench.run(700);
    assert.deepEqual(bench.seen.links, [true, false]);
  });

  it("pings a peer that it has nothing to say to", async () => {
    const [bench, wire] = await upLink();
    wire.heard.length = 0;
    await bench.run(3_000);
    assert.ok(wire.heard.some((bytes) => bytes[4] === PING));
  });

  it("is not taken for dead because this process stood still", async () => {
    const bench = await new Bench().start();
    const wire = bench.connect().hello().ack();
    await bench.run(10);
    // Ten seconds pass in which no timer of this process fires: the next look finds itself late.
    const { clock } = bench;
    const now = clock.nowMs.bind(clock);
    clock.nowMs = () => now() + 10_000;
    await clock.step(Infinity);
    clock.nowMs = now;
    assert.deepEqual(bench.seen.links, [true]);
    wire.say(PING);
    await bench.run(3_000);
    assert.deepEqual(bench.seen.links, [true]);
  });

  it("is replaced at once by a second connection of the same life: the peer lost the first", async () => {
    const [bench, first] = await upLink();
    const second = bench.connect().hello().ack();
    await bench.run(10);
    assert.deepEqual([bench.seen.links, first.isClosed, second.isClosed], [[true, false, true], true, false]);
  });

  it("is replaced by another life when the first does not answer any more", async () => {
    const [bench, first] = await upLink();
    const second = bench
      .connect()
      .hello({ life: new Uint8Array(16).fill(8) })
      .ack();
    await bench.run(900);
    assert.deepEqual(bench.seen.links, [true]);
    await bench.run(200);
    assert.deepEqual([bench.seen.links, first.isClosed, second.isClosed], [[true, false, true], true, false]);
  });

  it("stays when another life turns up while the first still answers: somebody copied the peer", async () => {
    const [bench, first] = await upLink();
    const second = bench
      .connect()
      .hello({ life: new Uint8Array(16).fill(8) })
      .ack();
    await bench.run(100);
    first.say(PING);
    await bench.run(1_000);
    assert.deepEqual([bench.seen.links, first.isClosed, second.isClosed], [[true], false, true]);
    assert.ok(bench.links.events.some(({ kind, peer }) => kind === "duplicate" && peer === ONE));
  });

  it("holds no more than its bound for a peer that does not read, and goes on when it does", async () => {
    const clock = new VirtualClock(0);
    const links = new MemoryLinks([ONE, TWO], clock);
    const [a, b] = [links.join(ONE), links.join(TWO)];
    const seen = new Seen();
    await a.start(new Seen());
    await b.start(seen);
    for (let turn = 0; turn < 20; turn++) await settled();
    await clock.step(1_000);
    for (let turn = 0; turn < 20; turn++) await settled();
    assert.equal(a.isUp(TWO), true);
    for (let n = 0; n < 100; n++) a.send(TWO, new Uint8Array(MAX_FRAME_BYTES));
    for (let turn = 0; turn < 200; turn++) await settled();
    assert.ok(seen.frames.length >= 30 && seen.frames.length <= 33, `${seen.frames.length} frames were kept`);
    a.send(TWO, new Uint8Array([1]));
    for (let turn = 0; turn < 4; turn++) await settled();
    assert.deepEqual(seen.frames.at(-1), new Uint8Array([1]));
  });

  it("dials again, less and less often, until the peer is there", async () => {
    const clock = new VirtualClock(0);
    const links = new MemoryLinks([ONE, TWO], clock);
    const mesh = links.join(ONE);
    await mesh.start(new Seen());
    for (let turn = 0; turn < 4; turn++) await settled();
    while (await clock.step(20_000)) for (let turn = 0; turn < 4; turn++) await settled();
    const dials = links.events.filter(({ kind }) => kind === "undialled").length;
    assert.ok(dials >= 10 && dials <= 25, `${dials} dials in 20 s`);
    const late = links.join(TWO);
    await late.start(new Seen());
    while (await clock.step(24_000)) for (let turn = 0; turn < 4; turn++) await settled();
    assert.deepEqual([mesh.isUp(TWO), late.isUp(ONE)], [true, true]);
  });
});
