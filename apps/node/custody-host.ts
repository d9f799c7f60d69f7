/** The host's end of a custody thread. */
import { Worker } from "node:worker_threads";
import type { RosterEntry } from "@conclave/consensus";
import { connectCustody, type CustodyPort, type CustodySettings } from "@conclave/custody";
import type { CustodyPlace, ThreadAnswer } from "./custody-thread.ts";

/** Custody could not be opened. The message is meant for the operator. */
export class CustodyNotOpened extends Error {
  override readonly name = "CustodyNotOpened";
}

/** A thread whose vault is open and whose journal is not. */
export interface PreparedCustody {
  readonly entry: RosterEntry;
  /** Open the journal and begin to serve calls. Throws `CustodyNotOpened`. */
  open(settings: CustodySettings): Promise<CustodyPort>;
  /** End the thread, whatever it is doing. */
  terminate(): Promise<void>;
}

/** Start the thread and open the vault. Throws `CustodyNotOpened`: wrong password, damage, another process. */
export async function prepareCustody(place: CustodyPlace): Promise<PreparedCustody> {
  const worker = new Worker(new URL("custody-thread.ts", import.meta.url), { name: `custody-${place.name}` });
  const terminate = async (): Promise<void> => void (await worker.terminate());
  const ask = (message: unknown): Promise<ThreadAnswer> =>
    new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.postMessage(message);
    });
  const first = await ask(place);
  if (!("entry" in first)) {
    await terminate();
    throw new CustodyNotOpened(`${place.name}: ${"failed" in first ? first.failed : "custody did not start"}`);
  }
  return {
    entry: first.entry,
    terminate,
    async open(settings) {
      const second = await ask(settings);
      if ("failed" in second) {
        await terminate();
        throw new CustodyNotOpened(`${place.name}: ${second.failed}`);
      }
      const port = connectCustody({
        post: (message) => worker.postMessage(message),
        onMessage: (handler) => void worker.on("message", handler),
      });
      const close = async (): Promise<void> => {
        await port.close();
        await terminate();
      };
      return { ...port, close };
    },
  };
}
