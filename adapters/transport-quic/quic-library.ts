/** The QUIC library, found at run time, and what its public face does not show. */
import type { QuicServer } from "@currentspace/http3";

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

export interface HandshakeEvents {
  /** A connection's first packets came from this address; `close` ends it. */
  began(handle: number, address: string, close: (code: number) => void): void;
  /** It is over, its handshake done or not. */
  ended(handle: number, close: { readonly errorCode: number; readonly reason: string }): void;
}

/** The library's own numbers for what its binary reports. */
const NEW_SESSION = 1;
const SESSION_CLOSE = 7;

interface NativeEvent {
  readonly eventType: number;
  readonly connHandle: number;
  readonly meta?: { readonly remoteAddr?: string; readonly errorCode?: number; readonly errorReason?: string };
}

/**
 * Handshakes under way at a server, and how they end. The library speaks only of those that succeed, but a listener has to
 * bound the others and say why it refused them. What is read here is private to the library, which is why its version is
 * pinned exactly; in a version that has changed, this throws at once.
 */
export function watchHandshakes(server: QuicServer, events: HandshakeEvents): void {
  const dispatch: unknown = Reflect.get(server, "_dispatchEvents");
  const sessions: unknown = Reflect.get(server, "_sessions");
  if (typeof dispatch !== "function" || !(sessions instanceof Map))
    throw new Error(
      "this version of @currentspace/http3 is another than the one this was written for: install the pinned one",
    );
  Reflect.set(server, "_dispatchEvents", (batch: readonly NativeEvent[]): void => {
    dispatch.call(server, batch);
    for (const { eventType, connHandle, meta } of batch) {
      if (eventType === NEW_SESSION) {
        const session = sessions.get(connHandle) as { close(code: number): void } | undefined;
        events.began(connHandle, meta?.remoteAddr ?? "?", (code) => session?.close(code));
      } else if (eventType === SESSION_CLOSE) {
        events.ended(connHandle, { errorCode: meta?.errorCode ?? 0, reason: meta?.errorReason ?? "" });
      }
    }
  });
}
