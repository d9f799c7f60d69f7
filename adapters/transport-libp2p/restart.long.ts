import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { NodeId } from "@conclave/consensus";
import { Cluster, NODES, type Wire } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const [ONE, , THREE] = NODES;

/** Node three as a process of its own. */
const processOf = (cluster: Cluster, wire: Wire): ChildProcess =>
  spawn(
    process.execPath,
    [join(import.meta.dirname, "testing", "node-process.ts"), THREE, join(cluster.folder, "peers"), wire],
    { stdio: ["ignore", "ignore", "inherit"] },
  );

describe("a peer's process", () => {
  it("over TCP is missed as soon as it is killed, and found again at its new port when it returns", async () => {
    const cluster = new Cluster("tcp");
    const processes: ChildProcess[] = [];
    try {
      const one = await cluster.join(ONE);
      const echoes: string[] = [];
      const links: boolean[] = [];
      await one.start({
        frame: (_, frame) => void echoes.push(new TextDecoder().decode(frame)),
        link: (peer: NodeId, up) => void (peer === THREE && links.push(up)),
      });
      for (const life of ["first", "second"]) {
        const peer = processOf(cluster, "tcp");
        processes.push(peer);
        await eventually(`its ${life} link`, () => one.isUp(THREE));
        one.send(THREE, new TextEncoder().encode(life));
        await eventually(`an echo of its ${life} life`, () => echoes.includes(life));
        peer.kill("SIGKILL");
        await once(peer, "exit");
        await eventually("its link goes down", () => !one.isUp(THREE));
      }
      assert.deepEqual(
        [links, echoes],
        [
          [true, false, true, false],
          ["first", "second"],
        ],
      );
    } finally {
      for (const one of processes) one.kill("SIGKILL");
      await cluster.dispose();
    }
  });

  it("over WebSocket is down after a silence, when it stands still, and up again when it goes on", async () => {
    const cluster = new Cluster("ws");
    const peer = processOf(cluster, "ws");
    try {
      const one = await cluster.join(ONE, { silenceMs: 1_000 });
      await one.start({ frame: () => {}, link: () => {} });
      await eventually("its link", () => one.isUp(THREE));
      peer.kill("SIGSTOP");
      await eventually("its link goes down", () => !one.isUp(THREE));
      peer.kill("SIGCONT");
      await eventually("its link comes up", () => one.isUp(THREE));
    } finally {
      peer.kill("SIGKILL");
      await cluster.dispose();
    }
  });
});
