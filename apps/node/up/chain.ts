/** The Bitcoin of a local network: a regtest chain in this process, with an Esplora API. */
import type { Regtest } from "@conclave/bitcoin-regtest";
import type { Folder } from "./folder.ts";
import { ESPLORA_PORT_OFFSET, PortTaken } from "./ports.ts";

/** A block now and then, so that confirmations grow as on a real chain. */
const AUTO_MINE_MS = 30_000;

/** The chain of a local network, with its API. */
export interface OpenChain {
  readonly regtest: Regtest;
  readonly url: string;
}

/** The chain, with its Esplora API. Throws `PortTaken`. */
export async function openChain({ chainFile }: Folder, portBase: number): Promise<OpenChain> {
  const port = portBase + ESPLORA_PORT_OFFSET;
  const { openRegtest } = await import("@conclave/bitcoin-regtest");
  const regtest = await openRegtest({ file: chainFile, autoMineMs: AUTO_MINE_MS });
  try {
    const { url } = await regtest.listen({ port });
    return { regtest, url };
  } catch (cause) {
    await regtest.close();
    throw new PortTaken(port, { cause });
  }
}
