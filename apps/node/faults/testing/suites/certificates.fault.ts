/**
 * Certificates that must not be accepted, shown to a real node by somebody who holds all other secrets of a peer: refused with
 * the reason in the log. The same in the peer's own folder: it does not start and says why. The other four sign all the while.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { createAuthority, createRequest, signRequest, type Authority } from "@conclave/transport-quic";
import { connectQuic } from "@currentspace/http3";
import { meshPort } from "../../../up/ports.ts";
import { until } from "../../../up/testing/waiting.ts";
import { PATIENCE_MS, type FaultyCluster } from "../cluster.ts";
import { TRANSPORT } from "../run.ts";
import { faults } from "../trials.ts";

const ALPN = "conclave/1";
const DAY_MS = 86_400_000;
/** Whose secrets they hold. */
const VICTIM = 4;
/** Who is dialled. */
const HONEST = 0;

interface Bad {
  readonly what: string;
  /** The victim's certificate as it should not be; null for none. PEM. */
  readonly certificate: (cluster: FaultyCluster, key: string) => Promise<string | null>;
  /** What the honest node's log says. */
  readonly refused: RegExp;
  /** What keeps the victim's own process from starting with it. */
  readonly notStarted: RegExp;
}

const authorityOf = ({ folder }: FaultyCluster): Authority => ({
  certificate: readFileSync(join(folder.root, "ca", "ca.crt"), "utf8"),
  privateKey: readFileSync(join(folder.root, "ca", "ca.key"), "utf8"),
});

const signed = async (
  authority: Authority,
  key: string,
  { name = "node5", nowMs = Date.now(), days = 30 }: { name?: string; nowMs?: number; days?: number } = {},
): Promise<string> =>
  signRequest(authority, { request: await createRequest({ name, privateKey: key }), name, nowMs, days });

const foreign = (name: string): Promise<Authority> => createAuthority({ name, nowMs: Date.now() });

const BAD: readonly Bad[] = [
  {
    what: "expired",
    certificate: (cluster, key) => signed(authorityOf(cluster), key, { nowMs: Date.now() - 40 * DAY_MS }),
    refused: /its certificate has expired/,
    notStarted: /it ended on/,
  },
  {
    what: "not yet valid",
    certificate: (cluster, key) => signed(authorityOf(cluster), key, { nowMs: Date.now() + 10 * DAY_MS }),
    refused: /its certificate .*is not valid yet/,
    notStarted: /it begins on/,
  },
  {
    what: "of a foreign authority",
    certificate: async (_, key) => signed(await foreign("elsewhere"), key),
    refused: /its certificate was signed by another authority/,
    notStarted: /none of our authorities/,
  },
  {
    what: "of a foreign authority with the name of ours",
    certificate: async ({ network }, key) => signed(await foreign(network.cluster), key),
    refused: /its certificate was signed by another authority/,
    notStarted: /authority/,
  },
  {
    what: "in another node's name",
    certificate: (cluster, key) => signed(authorityOf(cluster), key, { name: "node4" }),
    refused: /its certificate is for \\"node4\\"/,
    notStarted: /it is for "node4" and not for "node5"/,
  },
  {
    what: "missing",
    certificate: async () => null,
    refused: /its certificate is missing/,
    notStarted: /node\.crt/,
  },
];

/** Shows the certificate to the honest node until that has hung up. */
async function show(cluster: FaultyCluster, certificate: string | null, key: string): Promise<void> {
  const port = meshPort(cluster.portBase, HONEST);
  const servername = cluster.network.names[HONEST]!;
  const { certificate: ca } = authorityOf(cluster);
  const own = certificate === null ? {} : { cert: certificate, key };
  if (TRANSPORT === "tls") {
    const socket = connectTls({ port, host: "127.0.0.1", ca, servername, ALPNProtocols: [ALPN], ...own });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
    return;
  }
  const session = connectQuic(
    { address: "127.0.0.1", port, servername },
    { ca, servername, alpn: [ALPN], runtimeMode: "portable", ...own },
  );
  session.on("error", () => {});
  const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
  // A link begins with a stream; who is refused before that never gets so far.
  session.ready().then(
    () =>
      session
        .openStream()
        .on("error", () => {})
        .write(new Uint8Array(1)),
    () => {},
  );
  await closed;
  await session.close();
}

faults("certificates", { nodes: 5, wired: false }, ({ trial }) => {
  for (const { what, certificate, refused, notStarted } of BAD)
    trial(`${what}: refused by the others with the reason, not started with by its own node`, async (cluster, t) => {
      const folder = join(cluster.folder.nodeDir(cluster.network.names[VICTIM]!), "certificates");
      const file = join(folder, "node.crt");
      const [good, key] = [readFileSync(file, "utf8"), readFileSync(join(folder, "node.key"), "utf8")];
      const bad = await certificate(cluster, key);
      if (cluster.awake.includes(VICTIM)) await cluster.kill(VICTIM);
      const before = cluster.log(HONEST).length;
      await show(cluster, bad, key);
      const reason = await until(
        "the reason in the log",
        PATIENCE_MS,
        () => refused.exec(cluster.log(HONEST).slice(before))?.[0],
        () => cluster.log(HONEST).slice(before),
      );
      if (bad === null) rmSync(file);
      else writeFileSync(file, bad);
      try {
        await assert.rejects(cluster.start(VICTIM), notStarted);
      } finally {
        writeFileSync(file, good, { mode: 0o600 });
      }
      t.diagnostic(`in the log of node1: ${reason}`);
      await cluster.settled([await cluster.pay(HONEST)]);
    });
  trial("with its own certificate the node is let in again and learns everything", async (cluster) => {
    await cluster.start(VICTIM);
    await cluster.linked();
    await cluster.settled();
  });
});
