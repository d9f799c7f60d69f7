/** Five nodes as processes with something between each two of them: every frame takes so long, each way. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "@conclave/bytes";
import type { Notice } from "@conclave/node";
import { everyPair, Wires } from "@conclave/node/testing";
import { createNetwork, folderAt, readSecret, type LocalNetwork as Shape } from "../../apps/node/up/folder.ts";
import { meshPort } from "../../apps/node/up/ports.ts";
import { ProcessNetwork } from "../../apps/node/up/process-network.ts";
import { apiOf, type LocalNetwork, type NodeEvent } from "../network/local.ts";

const NAMES = ["node1", "node2", "node3", "node4", "node5"];

export interface Delayed {
  readonly network: Pick<LocalNetwork, "apis" | "listen" | "post" | "mark" | "events" | "event" | "get">;
  stop(): Promise<void>;
}

/** Over QUIC. Resolves when the nodes are up and reach each other. */
export async function startDelayed(delayMs: number, portBase: number): Promise<Delayed> {
  const folder = folderAt(mkdtempSync(join(tmpdir(), "conclave-bench-")));
  const shape: Shape = {
    version: 1,
    cluster: "local",
    names: NAMES,
    threshold: 4,
    quorum: 4,
    network: "regtest",
    genesis_ms: Date.now(),
  };
  createNetwork(folder, shape);
  const portOf = (name: string): number => meshPort(portBase, NAMES.indexOf(name));
  const wires = await Wires.open({ kind: "datagrams", pairs: everyPair(NAMES), target: portOf, seed: "bench" });
  wires.impair({ datagrams: { delayMs } });
  const events: NodeEvent[] = [];
  const listeners = new Set<() => void>();
  const notify = (place: number, notice: Notice): void => {
    events.push(eventOf(place, notice));
    for (const listener of listeners) listener();
  };
  const running = await ProcessNetwork.start({
    folder,
    network: shape,
    portBase,
    allowDigests: false,
    transport: "quic",
    notify,
    settings: (index) => {
      const self = NAMES[index]!;
      const others = NAMES.filter((name) => name !== self);
      const through = others.map((name) => [name, `127.0.0.1:${wires.portOf(self, name)}`] as const);
      return { peer_addresses: Object.fromEntries(through) };
    },
  });
  const apis = NAMES.map((_, index) => running.apiUrl(index));
  const some = async (from: number, count: number, pick: (event: NodeEvent) => boolean) =>
    new Promise<readonly NodeEvent[]>((resolve) => {
      const look = (): void => {
        const found = events.slice(from).filter(pick);
        if (found.length < count) return;
        listeners.delete(look);
        resolve(found.slice(0, count));
      };
      listeners.add(look);
      look();
    });
  return {
    network: {
      apis,
      ...apiOf(apis, readSecret(folder.tokenFile)),
      mark: () => events.length,
      events: some,
      event: async (from, pick) => (await some(from, 1, pick))[0]!,
      listen(hear) {
        let next = events.length;
        const listener = (): void => {
          for (; next < events.length; next++) hear(events[next]!);
        };
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    async stop() {
      await running.stop();
      await wires.close();
      rmSync(folder.root, { recursive: true, force: true });
    },
  };
}

/** As `conclave up --json` tells it. */
function eventOf(place: number, notice: Notice): NodeEvent {
  const told = { event: notice.kind, at_ms: Date.now(), node: NAMES[place]!, place };
  if (notice.kind === "message") return { ...told, request: notice.request, state: notice.state };
  if (notice.kind === "keyActive" || notice.kind === "presigned") return { ...told, key: toHex(notice.key) };
  return told;
}
