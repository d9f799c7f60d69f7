/**
 * Round trips of single frames between two processes, over each network, on loopback and (where this machine lets it make a
 * network of its own) at the packet length of Ethernet.
 */
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TRANSPORTS, type TransportName } from "@conclave/consensus";
import { RoundTripProbe, USUAL_ROUND_TRIPS } from "@conclave/node/testing";
import { idOf, openEnd, type Setup } from "./transports/ends.ts";
import { rounded } from "./harness.ts";

/** Times in milliseconds. */
export interface RoundTripLine {
  readonly op: "round-trip";
  readonly transport: TransportName;
  readonly mtu: number;
  readonly bytes: number;
  readonly ms_p50: number;
  readonly ms_p99: number;
  readonly reps: number;
}

const LOOPBACK_MTU = 65_536;
const ETHERNET_MTU = 1_500;
const COMMAND = join(import.meta.dirname, "..", "bin", "conclave.js");
/** Above the ports that other benchmarks take. */
const FIRST_PORT = 55_000 + (process.pid % 4_000);

type Print = (line: RoundTripLine) => void;

export async function run({ print }: { readonly print: Print }): Promise<void> {
  for (const transport of TRANSPORTS) await measure(transport, LOOPBACK_MTU, print);
  const command = `ip link set lo up mtu ${ETHERNET_MTU} && exec "${process.execPath}" "${import.meta.filename}" ${ETHERNET_MTU}`;
  const inside = spawnSync("unshare", ["-n", "sh", "-c", command], { encoding: "utf8" });
  if (inside.status !== 0) {
    console.error(`no figures at an MTU of ${ETHERNET_MTU}: ${inside.stderr || String(inside.error)}`);
    return;
  }
  for (const line of inside.stdout.trim().split("\n")) print(JSON.parse(line) as RoundTripLine);
}

async function measure(transport: TransportName, mtu: number, print: Print): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "conclave-bench-"));
  const relayPort = FIRST_PORT + 2;
  const setup: Setup = {
    transport,
    ports: [FIRST_PORT, FIRST_PORT + 1],
    folder,
    relay: `http://127.0.0.1:${relayPort}`,
  };
  if (transport === "quic" || transport === "tls") await makeCertificates(folder);
  const relay = transport === "relay" ? await startRelay(relayPort) : null;
  const echo = fork(join(import.meta.dirname, "transports", "echo.ts"), [JSON.stringify(setup)]);
  try {
    const ended = once(echo, "exit").then(() => {
      throw new Error(`the other end over ${transport} did not start`);
    });
    await Promise.race([once(echo, "message"), ended]);
    ended.catch(() => {});
    const self = await openEnd(setup, 0);
    const probe = new RoundTripProbe(self, idOf(1));
    await self.start(probe);
    await probe.linked();
    for (const plan of USUAL_ROUND_TRIPS) {
      const { bytes, rounds, p50Ms, p99Ms } = await probe.measure(plan);
      const [p50, p99] = [rounded(p50Ms), rounded(p99Ms)];
      print({ op: "round-trip", transport, mtu, bytes, ms_p50: p50, ms_p99: p99, reps: rounds });
    }
    await self.close();
  } finally {
    echo.kill("SIGKILL");
    relay?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeCertificates(folder: string): Promise<void> {
  const { certsCa, certsNode } = await import("@conclave/transport-quic");
  const authority = join(folder, "authority");
  await certsCa({ folder: authority, name: "bench", nowMs: Date.now() });
  for (const name of ["node-1", "node-2"])
    await certsNode({ folder: join(folder, name), authority, name, hosts: ["127.0.0.1"], nowMs: Date.now() });
}

/** In a process of its own, as parties meet it. */
async function startRelay(port: number) {
  const child = spawn(process.execPath, [COMMAND, "relay", "--listen", `127.0.0.1:${port}`], { stdio: "ignore" });
  while (!(await answers(port))) await delay(50);
  return child;
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/health`).then(
    ({ ok }) => ok,
    () => false,
  );

if (import.meta.main) {
  const tell: Print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const mtu = Number(process.argv[2] ?? 0);
  if (mtu === 0) await run({ print: tell });
  else for (const transport of TRANSPORTS) await measure(transport, mtu, tell);
}
