/** Stands between a client and a server, and cuts the line at a chosen word of the client's. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/**
 * - `before`: the words do not arrive
 * - `after`: they arrive, and the answer does not
 */
export type Cut = "before" | "after";

export interface CuttingProxy {
  readonly port: number;
  /** The next time that a client says `word`, the line is cut. Resolves when that has happened. */
  cutAt(word: string, when: Cut): Promise<void>;
  /** Cuts every line, and lets nobody through until `unblock`. */
  block(): void;
  unblock(): void;
  /** Forgets a cut that has not happened. */
  disarm(): void;
  close(): Promise<void>;
}

export async function cuttingProxy(targetPort: number): Promise<CuttingProxy> {
  let armed: { readonly word: string; readonly when: Cut; readonly done: () => void } | null = null;
  const open = new Set<Socket>();
  let isBlocked = false;
  const server = createServer((client) => {
    if (isBlocked) return void client.destroy();
    const target = connect(targetPort, "127.0.0.1");
    for (const socket of [client, target]) {
      open.add(socket);
      socket
        .setNoDelay(true)
        .on("error", () => {})
        .on("close", () => open.delete(socket));
    }
    let cut = false;
    client.on("data", (chunk) => {
      const found = armed !== null && chunk.includes(armed.word) ? armed : null;
      if (found !== null) {
        armed = null;
        cut = true;
        client.destroy();
        found.done();
      }
      // Half of the line stays, so that the server finishes what it was told.
      if (found === null || found.when === "after") target.write(chunk);
      if (found?.when === "before") target.destroy();
    });
    client.on("close", () => (cut ? undefined : target.end()));
    target.on("data", (chunk) => (cut ? target.end() : client.write(chunk)));
    target.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cutAt: (word, when) =>
      new Promise((resolve) => {
        armed = { word, when, done: resolve };
      }),
    block() {
      isBlocked = true;
      for (const socket of open) socket.destroy();
    },
    unblock() {
      isBlocked = false;
    },
    disarm: () => {
      armed = null;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
