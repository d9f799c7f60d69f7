/** A certificate is renewed while its node runs: links that are up stay up, and connections from then on see the new one. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Transport } from "@conclave/node";
import { CertManager, certsCa, certsRenew, type CertificateEvent } from "./index.ts";
import {
  clockOff,
  DAY_MS,
  makeCluster,
  makeNode,
  peersOf,
  withNodes,
  type OpenNode,
  type TestNode,
} from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const cluster = await makeCluster(2);
after(() => cluster.dispose());
const [first, second] = cluster.nodes as [TestNode, TestNode];

/** Sends numbered frames without a pause, until told to stop. */
function stream(from: Transport, to: TestNode) {
  let sent = 0;
  const timer = setInterval(() => from.send(to.id, Uint8Array.of(sent++ & 255)), 1);
  return { sent: () => sent, stop: () => clearInterval(timer) };
}

for (const mode of ["quic", "tls"] as const) {
  describe(`a certificate renewed over ${mode}`, () => {
    it(
      "leaves the link that carries frames as it is, and is what the next connection sees",
      withNodes(async (start) => {
        // The listener's next certificate comes from another authority, which is all that the dialler will trust later.
        const authority = join(cluster.folder, `next-authority-${mode}`);
        await certsCa({ folder: authority, name: "next", nowMs: Date.now() });
        const [old, next] = [cluster.authority, authority].map((folder) =>
          readFileSync(join(folder, "ca.crt"), "utf8"),
        );
        const [dials, listens] = [await makeNode(cluster, 1), await makeNode(cluster, 2)];
        for (const { folder } of [dials, listens]) writeFileSync(join(folder, "ca.crt"), `${old}${next}`);

        let received = 0;
        const notices: boolean[] = [];
        const listener = await start(listens, mode, peersOf(listens, [dials]), {
          handler: { frame: () => received++, link: (_, up) => notices.push(up) },
        });
        const peers = peersOf(dials, [listens], () => listener.address());
        const dialler = await start(dials, mode, peers, { handler: { frame: () => {}, link: () => {} } });
        await eventually("the link is up", () => dialler.transport.isUp(listens.id), [listener, dialler]);
        const frames = stream(dialler.transport, listens);

        await certsRenew({ folder: listens.folder, name: listens.name, authority, nowMs: Date.now() });
        assert.equal(await listener.certificates.reload(), true);
        await certsRenew({ folder: dials.folder, name: dials.name, authority: cluster.authority, nowMs: Date.now() });
        assert.equal(await dialler.certificates.reload(), true);
        const before = received;
        await eventually("frames go on", () => received > before + 50, [listener, dialler]);
        frames.stop();
        await eventually("all arrive", () => received === frames.sent(), [listener, dialler]);
        assert.deepEqual(notices, [true]);

        // The dialler comes back trusting the new authority alone.
        await dialler.transport.close();
        writeFileSync(join(dials.folder, "ca.crt"), next!);
        await certsRenew({ folder: dials.folder, name: dials.name, authority, nowMs: Date.now() });
        const shown = serialOf(listener);
        const again = await start(dials, mode, peers, { handler: { frame: () => {}, link: () => {} } });
        await eventually("it is accepted", () => again.transport.isUp(listens.id), [listener, again]);
        assert.equal(serialOf(listener), listener.certificates.current.leaf.serialNumber);
        if (mode === "tls") assert.equal(shown, serialOf(listener));
      }),
    );
  });
}

const serialOf = ({ events }: OpenNode): string | undefined => {
  const listening = events.findLast((event) => event.kind === "listening");
  return listening?.kind === "listening" ? listening.serial : undefined;
};

describe("a certificate manager", () => {
  it("warns once at each of the thresholds before the end", async () => {
    const ends = await makeNode(cluster, 1, { days: 40 });
    const days: number[] = [];
    const observe = (event: CertificateEvent): void => {
      if (event.kind === "certificate-ends-soon") days.push(event.days);
    };
    let nowMs = Date.now();
    const pending: (() => void)[] = [];
    const clock = {
      nowMs: () => nowMs,
      schedule: (_: number, fire: () => void) => {
        pending.push(fire);
        return { cancel: () => {} };
      },
    };
    const manager = await CertManager.load({ folder: ends.folder, name: ends.name, clock, observe });
    manager.watch();
    for (const leftDays of [35, 29, 28, 7, 6, 0.9, 0.5]) {
      nowMs = Date.now() + (40 - leftDays) * DAY_MS;
      pending.splice(0).forEach((fire) => fire());
      await eventually("it looks again", () => pending.length > 0);
    }
    manager.stop();
    assert.deepEqual(days, [30, 7, 1]);
  });

  it("keeps what it has when the files do not fit together, and takes them when they do", async () => {
    const node = await makeNode(cluster, 1);
    const events: CertificateEvent[] = [];
    const manager = await CertManager.load({
      folder: node.folder,
      name: node.name,
      clock: clockOff(0),
      observe: (event) => events.push(event),
    });
    const { leaf } = manager.current;
    const good = readFileSync(join(node.folder, "node.crt"));
    writeFileSync(join(node.folder, "node.crt"), readFileSync(join(second.folder, "node.crt")));
    assert.equal(await manager.reload(), false);
    assert.equal(manager.current.leaf, leaf);
    const unusable = events.find(({ kind }) => kind === "certificate-unusable");
    assert(unusable?.kind === "certificate-unusable");
    assert.match(unusable.reason, /is for "node-2" and not for "node-1".*the private key is not the certificate's/);
    writeFileSync(join(node.folder, "node.crt"), good);
    assert.equal(await manager.reload(), true);
    assert.notEqual(manager.current.leaf, leaf);
  });

  it("does not load what peers would refuse, and says every reason", async () => {
    const load = (clock = clockOff(0), name = first.name) => CertManager.load({ folder: first.folder, name, clock });
    await assert.rejects(load(clockOff(400 * DAY_MS)), /cannot be used: it ended on/);
    await assert.rejects(load(clockOff(-400 * DAY_MS)), /it begins on/);
    await assert.rejects(load(clockOff(0), "node-2"), /is for "node-1" and not for "node-2"/);
  });
});
