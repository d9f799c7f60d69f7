/** The host's end of a custody thread. */
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import type { RosterEntry } from "@conclave/consensus";
import { connectCustody, type CustodyPort, type CustodySettings } from "@conclave/custody";
import type { CustodyPlace, ThreadAnswer, ThreadQuestion } from "./custody-thread.ts";
import { InUse } from "./in-use.ts";
import { SyncTimes } from "./observe/sync-times.ts";

/** Custody could not be opened. The message is meant for the operator. */
export class CustodyNotOpened extends Error {
  override readonly name = "CustodyNotOpened";
}

/** A thread whose vault is open and whose journal is not. */
export interface PreparedCustody {
  readonly entry: RosterEntry;
  /** How long the journal's writes take, as its thread counts them. */
  readonly journalTimes: SyncTimes;
  /** This node's identity signs its own card, and a charter that names it. 64 bytes. Throws `CustodyNotOpened`. */
  sign(what: "card" | "charter", bytes: Uint8Array): Promise<Uint8Array>;
  /** Open the journal and begin to serve calls. Throws `CustodyNotOpened` or `InUse`. */
  open(settings: CustodySettings): Promise<CustodyPort>;
  /** End the thread, whatever it is doing. */
  terminate(): Promise<void>;
}

/** Start the thread and open the vault. Throws `CustodyNotOpened` (wrong password, damage) or `InUse`. */
export async function prepareCustody(place: CustodyPlace): Promise<PreparedCustody> {
  const worker = new Worker(new URL("custody-thread.ts", import.meta.url), {
    name: `custody-${place.name}`,
    env: { ...process.env, ...compileCache() },
  });
  const terminate = async (): Promise<void> => void (await worker.terminate());
  const asked = async (message: unknown): Promise<Exclude<ThreadAnswer, { failed: string }>> => {
    const answer = await ask(worker, message);
    if (!("failed" in answer)) return answer;
    await terminate();
    const told = `${place.name}: ${answer.failed}`;
    throw answer.inUse ? new InUse(told) : new CustodyNotOpened(told);
  };
  const journalTimes = new SyncTimes();
  const first = await asked({ ...place, journalTimes: journalTimes.memory });
  if (!("entry" in first)) throw new CustodyNotOpened(`${place.name}: custody did not say who it is`);
  return {
    entry: first.entry,
    journalTimes,
    terminate,
    async sign(sign, bytes) {
      const answer = await asked({ sign, bytes } satisfies ThreadQuestion);
      if (!("signature" in answer)) throw new CustodyNotOpened(`${place.name}: custody did not sign`);
      return answer.signature;
    },
    async open(settings) {
      await asked({ settings } satisfies ThreadQuestion);
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

/** Code that this process found compiled in its cache need not be compiled again in every thread. */
function compileCache(): { readonly NODE_COMPILE_CACHE?: string } {
  const dir = getCompileCacheDir();
  // The cache's own folder is the one above the folder for this version of Node.
  return dir === undefined ? {} : { NODE_COMPILE_CACHE: dirname(dir) };
}

/** One message, one answer. A thread that dies later, with nobody asking, takes the process with it: it cannot go on. */
function ask(worker: Worker, message: unknown): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    const answered = (answer: ThreadAnswer): void => {
      worker.off("error", reject);
      resolve(answer);
    };
    worker.once("message", answered);
    worker.once("error", reject);
    worker.postMessage(message);
  });
}
