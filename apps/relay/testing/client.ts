/** A plain client of a relay's socket: what it was sent, in order, and waiting for it with patience. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { nodeEngine } from "@conclave/engine-node";
import { letterWriter } from "@conclave/relay/testing";
import { WebSocket, type ClientOptions } from "ws";
import { startRelay, type Relay, type RelayOptions } from "../index.ts";

export const letter = letterWriter(nodeEngine);

/** Any free port of this machine. */
export const ANY_PORT = [{ host: "127.0.0.1", port: 0 }] as const;

/** Long enough for a machine that does ten other things. */
const PATIENCE_MS = 20_000;

export const startAnywhere = (options: RelayOptions = {}): Promise<Relay> =>
  startRelay({ listen: ANY_PORT, ...options });

export interface Refused {
  readonly id: string | null;
  readonly error: string;
}

export class TestClient {
  readonly socket: WebSocket;
  readonly received: Buffer[] = [];
  readonly refused: Refused[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer, binary) => {
      if (binary) this.received.push(data);
      else this.refused.push(JSON.parse(data.toString()) as Refused);
    });
    socket.on("error", () => {});
    this.closed = once(socket, "close").then(([code, reason]) => ({ code: Number(code), reason: String(reason) }));
  }

  static async open(url: string, options: ClientOptions & { readonly path?: string } = {}): Promise<TestClient> {
    const { path = "/v1/msg-relay", ...rest } = options;
    const client = new TestClient(new WebSocket(`${url.replace(/^http/, "ws")}${path}`, rest));
    await once(client.socket, "open");
    return client;
  }

  send(frame: Uint8Array | string): void {
    this.socket.send(frame);
  }

  /** Everything that was sent before has been handled by the relay: it answers a ping after it. */
  async settled(): Promise<void> {
    const pong = once(this.socket, "pong");
    this.socket.ping();
    await pong;
  }

  /** The next `count` messages. */
  async messages(count: number): Promise<readonly Buffer[]> {
    await until(() => this.received.length >= count, `${count} messages`);
    return this.received;
  }

  end(): void {
    this.socket.terminate();
  }
}

/** Waits until something holds; fails with its name if it never does. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < deadlineMs, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `POST /v1/msg`. */
export const post = (url: string, message: Uint8Array): Promise<Response> =>
  fetch(`${url}/v1/msg`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: new Uint8Array(message),
  });

/** One counter or gauge of `/metrics`; 0 if it never counted. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`conclave_relay_${name} `));
  return line === undefined ? 0 : Number(line.split(" ").at(-1));
}
