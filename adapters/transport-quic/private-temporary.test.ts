/** The QUIC library writes keys where we tell it to. Alone in its process: it watches the folder that everybody shares. */
import assert from "node:assert/strict";
import { readFileSync, statSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connectQuic } from "@currentspace/http3";
import { inPrivateTemporary } from "./private-temporary.ts";
import { makeCluster, peersOf, withNodes, type TestNode } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const cluster = await makeCluster(2);
after(() => cluster.dispose());
const [first, second] = cluster.nodes as [TestNode, TestNode];

/** The library's files of this process that appeared in the shared folder for temporary files while `act` ran. */
async function exposed(act: () => Promise<void>): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const watcher = watch(tmpdir(), (_, name) => {
    if (name?.startsWith(`http3_${process.pid}_`) === true) seen.add(name);
  });
  await wait(20);
  await act();
  await wait(50);
  watcher.close();
  return seen;
}

describe("keys on their way to the QUIC library", () => {
  it("would lie in the folder that everybody shares", async () => {
    const read = (name: string): Buffer => readFileSync(join(first.folder, name));
    const seen = await exposed(async () => {
      const options = { cert: read("node.crt"), key: read("node.key"), ca: read("ca.crt") };
      const session = connectQuic(
        { address: "127.0.0.1", port: 9, servername: "x" },
        { ...options, runtimeMode: "portable" },
      );
      session.on("error", () => {});
      await wait(50);
      await session.close();
    });
    assert(seen.has(`http3_${process.pid}_qclient-key.pem`), [...seen].join());
  });

  it("do not, when a transport listens and dials", async () => {
    const now = () => ({ folder: process.env["TMPDIR"], umask: process.umask() });
    const before = now();
    const seen = await exposed(
      withNodes(async (start) => {
        const handler = { frame: () => {}, link: () => {} };
        const listener = await start(second, "quic", peersOf(second, [first]), { handler });
        // A process that is started now inherits what was there before.
        assert.deepEqual(now(), before);
        const peers = peersOf(first, [second], () => listener.address());
        const dialler = await start(first, "quic", peers, { handler });
        await eventually("the link is up", () => dialler.transport.isUp(second.id));
      }),
    );
    assert.deepEqual([...seen], []);
    assert.deepEqual(now(), before);
  });

  it("go to a folder that only this user can look into, until the turn is over", async () => {
    const before = tmpdir();
    const { folder, mode } = inPrivateTemporary(() => ({ folder: tmpdir(), mode: statSync(tmpdir()).mode & 0o777 }));
    assert.notEqual(folder, before);
    assert.equal(mode, 0o700);
    await Promise.resolve();
    assert.equal(tmpdir(), folder);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(tmpdir(), before);
    assert.throws(() => statSync(folder), /ENOENT/);
  });
});
