/** A server for one test, and plain HTTP to it: with any header, any body, and no help from a client. */
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { Problem } from "@conclave/api";
import { type HttpOptions, type HttpServer, startHttp } from "../index.ts";
import { FakeNode } from "./fake-node.ts";

export const TOKEN = "test-token-test-token-test-token-1";

export interface Line {
  readonly fields: object;
  readonly message: string;
}

export interface Opened {
  readonly node: FakeNode;
  readonly server: HttpServer;
  readonly log: { readonly info: Line[]; readonly error: Line[] };
}

/** A server in front of a fake node; closed when the test ends. */
export async function open(t: TestContext, options: Partial<HttpOptions> = {}): Promise<Opened> {
  const node = new FakeNode();
  const log: Opened["log"] = { info: [], error: [] };
  const server = await startHttp({
    service: node,
    port: 0,
    token: TOKEN,
    log: {
      info: (fields, message) => void log.info.push({ fields, message }),
      error: (fields, message) => void log.error.push({ fields, message }),
    },
    ...options,
  });
  t.after(() => server.close());
  return { node, server, log };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

/** One request on a connection of its own. */
export function ask(
  { port }: HttpServer,
  path: string,
  { method = "GET", headers = {}, body }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export const PAYMENT = { recipient: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", amount_sats: 50_000 };

/** A payment request as it should be; `headers` and `body` replace parts of it. */
export const pay = (
  server: HttpServer,
  { headers = {}, body = JSON.stringify(PAYMENT) }: Asked = {},
): Promise<Answer> =>
  ask(server, "/api/v1/transactions", {
    method: "POST",
    headers: {
      authorization: `Bearer ${TOKEN}`,
      "content-type": "application/json",
      "idempotency-key": "key-1",
      ...headers,
    },
    body,
  });

/** The answer's problem details. */
export const problemIn = ({ text }: Answer): Problem => JSON.parse(text) as Problem;

/** A bare connection that sends `bytes`; gives what came back once the server closed it, and after how many ms. */
export async function raw(
  { port }: HttpServer,
  bytes: string,
): Promise<{ readonly text: string; readonly ms: number }> {
  const startMs = performance.now();
  const socket: Socket = connect({ host: "127.0.0.1", port });
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.write(bytes);
  await new Promise<void>((resolve) => {
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve());
  });
  return { text, ms: performance.now() - startMs };
}
