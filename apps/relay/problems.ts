/** Refusals over HTTP: problem details (RFC 9457), each with a sentence that says what to do. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Refusal } from "@conclave/relay";
import type { FastifyReply } from "fastify";

export const PROBLEM_TYPE = "application/problem+json";

interface Described {
  readonly status: number;
  readonly detail: string;
}

/** What each refusal of the mailroom is over HTTP. */
export const REFUSALS: Readonly<Record<Refusal, Described>> = {
  malformed: {
    status: 400,
    detail: "This is no message: send header, address, payload and signature, and no other flags.",
  },
  "another-id": {
    status: 400,
    detail: "The id is not the hash of the message's address: compute it from tag, sender, receiver and instance.",
  },
  "bad-signature": {
    status: 400,
    detail: "The sender's signature does not verify: sign the whole message with the key that it names.",
  },
  taken: { status: 409, detail: "The sender published something else under this id: use another tag or instance." },
  "sender-quota": {
    status: 429,
    detail:
      "This sender has as much stored as it may: wait until messages are fetched or expire, or use shorter times.",
  },
  "source-quota": {
    status: 429,
    detail:
      "This address has as much stored as it may: wait until messages are fetched or expire, or use another relay.",
  },
  "mailbox-full": { status: 429, detail: "This mailbox is full: wait until its receiver empties it." },
  full: {
    status: 507,
    detail: "The relay is full: try again later, or use another relay. Those who waited have the message.",
  },
  "too-many-senders": {
    status: 429,
    detail: "This address introduces too many new senders at once: try again in a second.",
  },
  "too-many-asks": { status: 429, detail: "Too many questions wait for answers: let some end, or use another relay." },
};

export function sendProblem(
  reply: FastifyReply,
  { status, detail, error, ...more }: Described & { readonly error?: string; readonly delivered?: number },
): FastifyReply {
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(
      Buffer.from(JSON.stringify({ type: "about:blank", title: STATUS_CODES[status], status, detail, error, ...more })),
    );
}

/** The same where there is no reply object yet. The connection ends with it, whether its other end likes that or not. */
export function endWithProblem(stream: Duplex, status: number, detail: string): void {
  stream.on("error", () => stream.destroy());
  if (stream.writable) stream.end(rawProblem(status, detail), () => stream.destroy());
  else stream.destroy();
}

function rawProblem(status: number, detail: string): string {
  const title = STATUS_CODES[status] ?? "";
  const body = JSON.stringify({ type: "about:blank", title, status, detail });
  return `HTTP/1.1 ${status} ${title}\r\nconnection: close\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
