/** A cable between one node and one etcd member, which can be pulled out: what was sent is lost, and so is who listens. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class Cable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isIn = true;

  constructor(server: Server, target: URL) {
    this.#server = server;
    server.on("connection", (near) => {
      if (!this.#isIn) return void near.destroy();
      const far = connect(Number(target.port), target.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on("error", () => {});
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  /** Where the node connects instead. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  pull(): void {
    this.#isIn = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  plug(): void {
    this.#isIn = true;
  }

  async close(): Promise<void> {
    this.pull();
    await new Promise((done) => this.#server.close(done));
  }
}

export async function layCable(target: string): Promise<Cable> {
  const server = createServer();
  const cable = new Cable(server, new URL(target));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return cable;
}
