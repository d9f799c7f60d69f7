/**
 * Five nodes as processes over each of the networks: how long until the cluster is ready, how long a signature takes, and what
 * a node's process holds in memory.
 */
import { readFileSync } from "node:fs";
import { TRANSPORTS } from "@conclave/consensus";
import { figure, makeMessageKey, prepare, signingFigure, type Figure } from "./network.ts";
import { startNetwork, type LocalNetwork } from "./network/local.ts";
import { startDelayed } from "./processes/delayed.ts";
import { signMany } from "./network/messages.ts";

/** Messages one after the other, each when the one before is signed. */
const MESSAGES = 40;
/** Signatures with presignatures; a request prepares at most 20. */
const PRESIGNED = 20;
/** Time to become what it is in service: the first signatures compile what later ones run. */
const WARM_UP = 40;
/** One way: a continent, and half the world. */
const DELAYS_MS = [20, 100];
/** Away from the ports of networks that the command starts. */
const DELAYED_PORT_BASE = 33_000 + (process.pid % 900);

export async function run({ print }: { readonly print: (line: Figure) => void }): Promise<void> {
  for (const transport of TRANSPORTS) await benchTransport(transport, print);
  for (const delayMs of DELAYS_MS) await benchDelayed(delayMs, print);
}

async function benchTransport(transport: string, print: (line: Figure) => void): Promise<void> {
  const network = await startNetwork(["--transport", transport, "--taproot-only"]);
  const tell = (line: Figure): void => print({ ...line, transport });
  try {
    const { ms } = await network.phase("nodes up");
    tell(figure("start-to-ready", [ms], memory(network)));
    await network.phase("confirmed");
    const { key, madeMs } = await makeMessageKey(network);
    tell(figure("keygen-with-setup", [madeMs]));
    const alone = (messages: number) => signMany(network, { key, atOnce: 1, until: { messages } });
    await alone(WARM_UP);
    tell(signingFigure("message", await alone(MESSAGES)));
    await prepare(network, key, PRESIGNED);
    tell(signingFigure("message-presigned", await alone(PRESIGNED)));
    tell(figure("memory-after", [0], memory(network)));
  } finally {
    await network.stop();
  }
}

async function benchDelayed(delayMs: number, print: (line: Figure) => void): Promise<void> {
  const delayed = await startDelayed(delayMs, DELAYED_PORT_BASE);
  const { network } = delayed;
  const tell = (line: Figure): void => print({ ...line, transport: "quic", delay_ms: delayMs });
  try {
    const { key, madeMs } = await makeMessageKey(network);
    tell(figure("keygen-with-setup", [madeMs]));
    const alone = (messages: number) => signMany(network, { key, atOnce: 1, until: { messages } });
    await alone(WARM_UP);
    tell(signingFigure("message", await alone(MESSAGES)));
    await prepare(network, key, PRESIGNED);
    tell(signingFigure("message-presigned", await alone(PRESIGNED)));
  } finally {
    await delayed.stop();
  }
}

/** Of the node that holds most. Linux only, as the figures that are compared. */
function memory({ pids }: LocalNetwork): Pick<Figure, "rss_mib" | "rss_peak_mib"> {
  const field = (name: string): number =>
    Math.max(
      ...pids.map((pid) => {
        const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
        return Math.round(Number(found?.[1] ?? 0) / 1024);
      }),
    );
  return { rss_mib: field("VmRSS"), rss_peak_mib: field("VmHWM") };
}

if (import.meta.main) await run({ print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`) });
