/**
 * The one door to the network: what Node and browsers offer under the same names. Tests hand in doors that they can shut.
 */

/** A WebSocket as the client uses one. */
export interface RelaySocket {
  /** Bytes handed over that have not left. */
  readonly bufferedAmount: number;
  send(bytes: Uint8Array): void;
  /** Ends it; `closed` follows or not. May be repeated. */
  close(): void;
}

/** Called in later turns, never from within `openSocket`. Nothing follows `closed`. */
export interface SocketEvents {
  readonly opened: () => void;
  readonly received: (data: Uint8Array | string) => void;
  readonly closed: (reason: string) => void;
}

export interface Platform {
  openSocket(url: string, events: SocketEvents): RelaySocket;
  fetch(url: string, request: RequestInit): Promise<Response>;
  /** How many requests may wait at one relay at a time. */
  readonly parallelQuestions: number;
}

/** A browser opens six connections to one host over HTTP/1.1; the rest is for publishing. */
const PARALLEL_IN_BROWSERS = 4;
/** Room for the mailboxes of the largest roster. */
const PARALLEL_IN_NODE = 64;

/** `WebSocket` and `fetch` of the platform that runs this. */
export const systemPlatform: Platform = {
  openSocket,
  fetch: (url, request) => fetch(url, request),
  parallelQuestions: navigator.userAgent.startsWith("Node.js") ? PARALLEL_IN_NODE : PARALLEL_IN_BROWSERS,
};

function openSocket(url: string, events: SocketEvents): RelaySocket {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let over = false;
  const end = (reason: string): void => {
    if (over) return;
    over = true;
    events.closed(reason);
  };
  socket.addEventListener("open", () => {
    if (!over) events.opened();
  });
  socket.addEventListener("message", ({ data }: { data: unknown }) => {
    if (over) return;
    if (data instanceof ArrayBuffer) events.received(new Uint8Array(data));
    else if (typeof data === "string") events.received(data);
  });
  // Platforms tell no page why a connection failed; the close that follows an error may never come while connecting.
  socket.addEventListener("error", () => end("connection failed"));
  socket.addEventListener("close", ({ code, reason }) =>
    end(`closed by the relay (${code}${reason && `, ${reason}`})`),
  );
  return {
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
    send(bytes) {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
    },
    close() {
      over = true;
      socket.close();
    },
  };
}
