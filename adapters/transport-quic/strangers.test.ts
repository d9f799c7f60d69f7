/** Who has no certificate, speaks no protocol, or says nothing at all, is refused, costs little, and keeps nobody else out. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { connectQuic, type QuicConnectOptions } from "@currentspace/http3";
import { parseAddress } from "./address.ts";
import { ALPN, MAX_UNPROVEN_PER_ADDRESS } from "./limits.ts";
import { makeCluster, peersOf, withNodes, type OpenNode, type StartNode, type TestNode } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const cluster = await makeCluster(2);
after(() => cluster.dispose());
const [first, second] = cluster.nodes as [TestNode, TestNode];

/** Strangers come from elsewhere, so that what they use up is theirs. */
const ELSEWHERE = "127.0.0.2";

const file = (node: TestNode, name: string): Buffer => readFileSync(join(node.folder, name));
const credentials = { ca: file(first, "ca.crt"), cert: file(first, "node.crt"), key: file(first, "node.key") };

const refusal = (node: OpenNode, reason: RegExp) =>
  eventually(
    `refused: ${reason.source}`,
    () => node.events.some((event) => event.kind === "refused" && reason.test(event.reason)),
    [node],
  );

/** The listener is none the worse for it: an honest peer gets in. */
async function staysOpen(start: StartNode, listener: OpenNode, handler: Handled): Promise<void> {
  const honest = await start(
    first,
    handler.mode,
    peersOf(first, [second], () => listener.address()),
    { handler },
  );
  await eventually("an honest peer links", () => honest.transport.isUp(second.id), [listener, honest]);
}

interface Handled {
  readonly mode: "quic" | "tls";
  frame(): void;
  link(): void;
}
const welcoming = (mode: "quic" | "tls"): Handled => ({ mode, frame: () => {}, link: () => {} });

/** A connection of TLS that nobody has taught to give up. */
function strangerOverTls(listener: OpenNode, options: ConnectionOptions): TLSSocket {
  const { host, port } = parseAddress(listener.address());
  const socket = connectTls({
    host,
    port,
    ca: credentials.ca,
    servername: second.name,
    ALPNProtocols: [ALPN],
    ...options,
  });
  socket.on("error", () => {});
  return socket;
}

async function strangerOverQuic(listener: OpenNode, options: QuicConnectOptions): Promise<void> {
  const { host, port } = parseAddress(listener.address());
  const session = connectQuic(
    { address: host, port, servername: second.name },
    { ca: credentials.ca, servername: second.name, alpn: [ALPN], runtimeMode: "portable", ...options },
  );
  session.on("error", () => {});
  await once(session, "close");
  await session.close();
}

describe("a stranger over TLS", () => {
  const handler = welcoming("tls");
  const listening = (test: (listener: OpenNode) => Promise<void>) =>
    withNodes(async (start) => {
      const listener = await start(second, "tls", peersOf(second, [first]), { handler });
      await test(listener);
      await staysOpen(start, listener, handler);
    });

  it(
    "without a certificate is refused",
    listening(async (listener) => {
      strangerOverTls(listener, {});
      await refusal(listener, /its certificate is missing/);
    }),
  );
  it(
    "with another protocol is refused",
    listening(async (listener) => {
      strangerOverTls(listener, { ...credentials, ALPNProtocols: ["h2"] });
      await refusal(listener, /speaks another protocol than ours/);
    }),
  );
  it(
    "with an older TLS is refused",
    listening(async (listener) => {
      strangerOverTls(listener, { ...credentials, maxVersion: "TLSv1.2" });
      await refusal(listener, /offers no TLS 1.3/);
    }),
  );
  it(
    "that talks HTTP, or nonsense, is refused",
    listening(async (listener) => {
      const { host, port } = parseAddress(listener.address());
      for (const [bytes, reason] of [
        [Buffer.from("GET / HTTP/1.1\r\n\r\n"), /a request of HTTP/],
        [Buffer.alloc(4_096, 0xee), /no TLS/],
      ] as const) {
        const socket = connectTcp({ host, port });
        socket.on("error", () => {});
        socket.write(bytes);
        await refusal(listener, reason);
      }
    }),
  );
  it(
    "that takes a session up again is not let in by it, and sends nothing early",
    listening(async (listener) => {
      const before = strangerOverTls(listener, credentials);
      let ticket: Buffer | null = null;
      before.on("session", (session) => {
        ticket = session;
      });
      before.resume();
      await once(before, "secureConnect");
      await eventually("a ticket, if there is one", () => ticket !== null || before.destroyed);
      const again = strangerOverTls(listener, { ...credentials, ...(ticket === null ? {} : { session: ticket }) });
      await once(again, "secureConnect");
      assert.equal(again.isSessionReused(), false);
      before.destroy();
      again.destroy();
    }),
  );
  it(
    "that opens 200 connections and says nothing holds few of them, and keeps nobody else out",
    listening(async (listener) => {
      const { host, port } = parseAddress(listener.address());
      const open = new Set<Socket>();
      for (let n = 0; n < 200; n++) {
        const socket = connectTcp({ host, port, localAddress: ELSEWHERE });
        open.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => open.delete(socket));
        socket.resume();
      }
      await eventually("the rest is cut off", () => open.size <= MAX_UNPROVEN_PER_ADDRESS, [listener]);
      await refusal(listener, /connections from there have not proven who they are/);
      after(() => open.forEach((socket) => socket.destroy()));
    }),
  );
});

describe("a stranger over QUIC", () => {
  const handler = welcoming("quic");
  const listening = (test: (listener: OpenNode) => Promise<void>) =>
    withNodes(async (start) => {
      const listener = await start(second, "quic", peersOf(second, [first]), { handler });
      await test(listener);
      await staysOpen(start, listener, handler);
    });

  it(
    "without a certificate is refused",
    listening(async (listener) => {
      await strangerOverQuic(listener, {});
      await refusal(listener, /its certificate is missing/);
    }),
  );
  it(
    "with another protocol is refused",
    listening(async (listener) => {
      await strangerOverQuic(listener, { ...credentials, alpn: ["h3"] });
      await refusal(listener, /speaks another protocol than ours/);
    }),
  );
  it(
    "that sends nonsense is not answered",
    listening(async (listener) => {
      const { host, port } = parseAddress(listener.address());
      const socket = createSocket("udp4");
      let answers = 0;
      socket.on("message", () => answers++);
      for (let n = 0; n < 1_000; n++) socket.send(randomBytes(1 + (n % 1_400)), port, host);
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.close();
      assert.deepEqual(
        listener.events.filter(({ kind }) => kind === "refused"),
        [],
      );
      // What looks like a QUIC packet of an unknown version is told which ones there are, and no more.
      assert(answers <= 1_000);
    }),
  );
  it(
    "that sends one first packet from 200 addresses makes the listener remember none of them",
    listening(async (listener) => {
      const packet = await firstPacket();
      const { host, port } = parseAddress(listener.address());
      const sockets = await Promise.all(
        Array.from({ length: 200 }, async () => {
          const socket = createSocket("udp4");
          socket.bind(0, ELSEWHERE);
          await once(socket, "listening");
          const answered = once(socket, "message") as Promise<[Buffer]>;
          socket.send(packet, port, host);
          return { socket, answered };
        }),
      );
      // Each is asked to prove its address by a Retry (RFC 9000, 17.2.5: long header, type 3), which costs the listener nothing.
      const answers = await Promise.all(sockets.map(({ answered }) => answered));
      for (const { socket } of sockets) socket.close();
      for (const [answer] of answers) assert.equal(answer[0]! & 0xf0, 0xf0);
      assert.deepEqual(
        listener.events.filter(({ kind }) => kind === "refused"),
        [],
      );
    }),
  );
});

/** What a dialler sends first: caught by a port that does not answer. */
async function firstPacket(): Promise<Buffer> {
  const trap = createSocket("udp4");
  trap.bind(0, "127.0.0.1");
  await once(trap, "listening");
  const session = connectQuic(
    { address: "127.0.0.1", port: trap.address().port, servername: second.name },
    { ...credentials, servername: second.name, alpn: [ALPN], runtimeMode: "portable" },
  );
  session.on("error", () => {});
  const [packet] = (await once(trap, "message")) as [Buffer];
  await session.close();
  trap.close();
  return packet;
}
