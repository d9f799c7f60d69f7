/**
 * A node's process and the program that started it, if one did: `conclave up --processes`. Over the channel between parent and
 * child go public parts while the cluster is founded, then questions and notices. No secret ever does.
 */
import type { Charter, SignedCard, SignedCharter, TransportName } from "@conclave/consensus";
import type { Notice } from "@conclave/node";
import { QUESTIONS, type Speaker } from "../up/speaker.ts";

/** What the parent says. */
export type ParentMessage =
  /** Show a card for this cluster; with a request for a certificate if the network needs one. */
  | { readonly kind: "introduce"; readonly cluster: string; readonly transport: TransportName }
  /** Sign this. */
  | { readonly kind: "agree"; readonly charter: Charter }
  /** Keep this and begin. `certificates`: PEM, null where the network needs none. */
  | {
      readonly kind: "found";
      readonly charter: SignedCharter;
      readonly cards: readonly SignedCard[];
      readonly certificates: { readonly ca: string; readonly node: string } | null;
    }
  | { readonly kind: "ask"; readonly id: number; readonly question: string; readonly args: readonly unknown[] }
  | { readonly kind: "stop" };

/** What the child says. */
export type ChildMessage =
  /** `request`: PEM, null where the network needs no certificate. */
  | { readonly kind: "introduced"; readonly card: SignedCard; readonly request: string | null }
  | { readonly kind: "agreed"; readonly signature: Uint8Array }
  | { readonly kind: "ready"; readonly apiUrl: string; readonly rssBytes: number }
  /** What the node said in one turn of its event loop, in order. */
  | { readonly kind: "notices"; readonly notices: readonly Notice[] }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly name: string; readonly message: string }
  /** It cannot start, or go on. */
  | { readonly kind: "failed"; readonly message: string; readonly inUse: boolean };

/** The child's end. */
export interface Parent {
  say(message: ChildMessage): void;
  /** Tells it with whatever else is noticed in this turn: a message between processes costs more than what is in it. */
  notice(notice: Notice): void;
  /** The next message of this kind. Rejects when the parent goes. */
  next<K extends ParentMessage["kind"]>(kind: K): Promise<Extract<ParentMessage, { kind: K }>>;
  /** Answer questions about a node from now on. */
  serve(speaker: Speaker): void;
  /** Resolves when the parent says stop, or is gone: a node that it started does not outlive it. */
  readonly gone: Promise<void>;
  /** The channel closes, so that it does not keep the process alive. */
  leave(): void;
}

/** Null for a process that nobody started with a channel. */
export function connectParent(): Parent | null {
  if (process.send === undefined) return null;
  const waiting = new Map<string, (message: ParentMessage) => void>();
  const early: ParentMessage[] = [];
  let speaker: Speaker | null = null;
  const say = (message: ChildMessage): void => {
    if (process.connected) process.send!(message);
  };
  let notices: Notice[] = [];
  const tell = (): void => {
    const told = notices;
    notices = [];
    say({ kind: "notices", notices: told });
  };
  let leave = (): void => {};
  const gone = new Promise<void>((resolve) => {
    leave = resolve;
  });
  process.once("disconnect", () => leave());
  process.on("message", (message: ParentMessage) => {
    if (message.kind === "stop") return leave();
    if (message.kind === "ask") return void answer(speaker, message, say);
    const resolve = waiting.get(message.kind);
    waiting.delete(message.kind);
    if (resolve === undefined) early.push(message);
    else resolve(message);
  });
  return {
    say,
    notice(notice) {
      if (notices.push(notice) === 1) setImmediate(tell);
    },
    gone,
    leave: () => void (process.connected && process.disconnect()),
    next: <K extends ParentMessage["kind"]>(kind: K) =>
      new Promise<Extract<ParentMessage, { kind: K }>>((resolve, reject) => {
        const place = early.findIndex((message) => message.kind === kind);
        if (place >= 0) return resolve(early.splice(place, 1)[0] as Extract<ParentMessage, { kind: K }>);
        waiting.set(kind, resolve as (message: ParentMessage) => void);
        void gone.then(() => reject(new Error("the program that started this node is gone")));
      }),
    serve(node) {
      speaker = node;
    },
  };
}

async function answer(
  speaker: Speaker | null,
  { id, question, args }: Extract<ParentMessage, { kind: "ask" }>,
  say: (message: ChildMessage) => void,
): Promise<void> {
  try {
    const name = QUESTIONS.find((known) => known === question);
    if (name === undefined || speaker === null) throw new RangeError(`a node cannot be asked ${question}`);
    const value: unknown = await (speaker[name] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
    say({ kind: "answer", id, value });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    say({ kind: "failure", id, name, message });
  }
}
