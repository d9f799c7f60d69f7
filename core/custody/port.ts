/**
 * Custody from the outside: the same calls, asynchronous, so that it may run in a worker thread or in a process of its own.
 * Only plain data and bytes cross.
 */
import type { Custody } from "./custody.ts";

const CALLS = [
  "status",
  "spendingObjections",
  "lockedCoins",
  "unresolved",
  "exportEvidence",
  "checkpoint",
  "start",
  "receive",
  "propose",
  "recall",
  "recallResult",
  "republish",
  "vote",
  "decide",
  "abandon",
  "open",
  "begin",
  "expire",
  "release",
  "close",
] as const;

type Call = (typeof CALLS)[number];

export type CustodyPort = {
  readonly [K in Call]: (...args: Parameters<Custody[K]>) => Promise<ReturnType<Custody[K]>>;
};

type AnyCall = (...args: unknown[]) => unknown;

/** Custody in this very thread: for simulation and tests. */
export function inlineCustody(custody: Custody): CustodyPort {
  const calls = CALLS.map((name) => {
    const call = (...args: readonly unknown[]): Promise<unknown> =>
      Promise.resolve().then(() => (custody[name] as AnyCall).apply(custody, [...args]));
    return [name, call] as const;
  });
  return Object.fromEntries(calls) as unknown as CustodyPort;
}

/** As much of a message port as is needed: worker threads and child processes have it. */
export interface Channel {
  post(message: unknown): void;
  onMessage(handler: (message: unknown) => void): void;
}

interface CallMessage {
  readonly id: number;
  readonly name: Call;
  readonly args: readonly unknown[];
}

type AnswerMessage = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/** Custody's side: answer calls one after the other, in the order in which they came. */
export function serveCustody(custody: Custody, channel: Channel): void {
  channel.onMessage((message) => {
    const { id, name, args } = message as CallMessage;
    channel.post(answer(custody, id, name, args));
  });
}

function answer(custody: Custody, id: number, name: Call, args: readonly unknown[]): AnswerMessage {
  if (!CALLS.includes(name)) return { id, error: `custody has no call ${name}` };
  try {
    return { id, value: detached((custody[name] as AnyCall).apply(custody, [...args])) };
  } catch (error) {
    return { id, error: error instanceof Error ? `${error.name}: ${error.message}` : "unknown error" };
  }
}

/**
 * The same data, with all bytes in buffers of their own. A posted array takes its whole buffer along, and small arrays may be
 * cut out of one large buffer, beside whatever secrets were encoded last: nothing but the bytes themselves may cross.
 */
function detached(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(detached);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, detached(inner)]));
}

/** Custody failed in a way that it did not foresee. The text is safe to log. */
export class CustodyCallFailed extends Error {
  override readonly name = "CustodyCallFailed";
}

/** The host's side. */
export function connectCustody(channel: Channel): CustodyPort {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let next = 0;
  channel.onMessage((message) => {
    const reply = message as AnswerMessage;
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ("error" in reply) call?.reject(new CustodyCallFailed(reply.error));
    else call?.resolve(reply.value);
  });
  const calls = CALLS.map((name) => {
    const call = (...args: readonly unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        next += 1;
        waiting.set(next, { resolve, reject });
        channel.post({ id: next, name, args } satisfies CallMessage);
      });
    return [name, call] as const;
  });
  return Object.fromEntries(calls) as unknown as CustodyPort;
}
