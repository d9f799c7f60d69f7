/** The QUIC library, found at run time, and what its public face does not show. */
import type { QuicClientSession, QuicServer } from "@currentspace/http3";

export type QuicLibrary = Pick<typeof import("@currentspace/http3"), "createQuicServer" | "connectQuic">;

/** Loads the library and its binary. Rejects where there is none for this platform. */
export async function loadQuicLibrary(): Promise<QuicLibrary> {
  const library = await import("@currentspace/http3");
  // The binary is opened when it is first needed: by a session that ends before it begins, so that nothing is bound or sent.
  const probe = library.connectQuic(
    { address: "127.0.0.1", port: 9, servername: "probe" },
    { runtimeMode: "portable" },
  );
  probe.on("error", () => {});
  await probe.close();
  return library;
}

/**
 * Does something to a session that may have ended a moment ago. The library throws then instead of doing nothing, before it has
 * told us of the end.
 */
export function unlessGone(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

export const isGone = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("[h3:invalid-state]");

export interface HandshakeEvents {
  /** A connection's first packets came from this address; `close` ends it. */
  began(handle: number, address: string, close: (code: number) => void): void;
  /** It is over, its handshake done or not. */
  ended(handle: number, close: { readonly errorCode: number; readonly reason: string }): void;
}

/** The library's own numbers for what its binary reports. */
const NEW_SESSION = 1;
const SESSION_CLOSE = 7;
const HANDSHAKE_COMPLETE = 11;

interface NativeEvent {
  readonly eventType: number;
  readonly connHandle: number;
  readonly meta?: { readonly remoteAddr?: string; readonly errorCode?: number; readonly errorReason?: string };
}

/**
 * Handshakes under way at a server, and how they end. The library speaks only of those that succeed, but a listener has to
 * bound the others and say why it refused them.
 */
export function watchHandshakes(server: QuicServer, events: HandshakeEvents): void {
  const sessions: unknown = Reflect.get(server, "_sessions");
  if (!(sessions instanceof Map)) throw otherVersion();
  tap(server, "after", ({ eventType, connHandle, meta }) => {
    if (eventType === NEW_SESSION) {
      const session = sessions.get(connHandle) as { close(code: number): void } | undefined;
      events.began(connHandle, meta?.remoteAddr ?? "?", (code) => unlessGone(() => session?.close(code)));
    } else if (eventType === SESSION_CLOSE) {
      events.ended(connHandle, { errorCode: meta?.errorCode ?? 0, reason: meta?.errorReason ?? "" });
    }
  });
}

/**
 * Whether a dialler's handshake is done: a refusal after that is about its own certificate. The library says so a moment later,
 * and not at all if the refusal comes first.
 */
export function watchHandshake(session: QuicClientSession): { readonly isDone: () => boolean } {
  let isDone = false;
  tap(session, "before", ({ eventType }) => {
    isDone ||= eventType === HANDSHAKE_COMPLETE;
  });
  return { isDone: () => isDone };
}

/**
 * Shows what the binary reports, before or after the library acts on it. That is private to the library, which is why its
 * version is pinned exactly; in one that has changed, this throws at once.
 */
function tap(
  target: QuicServer | QuicClientSession,
  when: "before" | "after",
  see: (event: NativeEvent) => void,
): void {
  const dispatch: unknown = Reflect.get(target, "_dispatchEvents");
  if (typeof dispatch !== "function") throw otherVersion();
  Reflect.set(target, "_dispatchEvents", (events: readonly NativeEvent[]): void => {
    if (when === "before") events.forEach(see);
    dispatch.call(target, events);
    if (when === "after") events.forEach(see);
  });
}

const otherVersion = (): Error =>
  new Error("this version of @currentspace/http3 is another than the one this was written for: install the pinned one");
