/** What of a node can be opened before it is known who the others are: its vault, in a thread of its own, and its history. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StoreUnavailable, type Store } from "@conclave/node";
import type { StoreOptions } from "@conclave/store-sql";
import { prepareCustody, type PreparedCustody } from "./custody-host.ts";
import type { CustodyPlace } from "./custody-thread.ts";
import { InUse } from "./in-use.ts";

export interface PreparedNode {
  readonly dir: string;
  readonly custody: PreparedCustody;
  readonly store: Store;
  /** Close both. */
  close(): Promise<void>;
}

/** What only looks at a stopped node (`conclave doctor`, `conclave config check`) holds its files so long at most, but for a huge history. */
const LOOKERS_PATIENCE_MS = 3_000;
const LOOK_AGAIN_MS = 100;

/**
 * `history`: where it is kept, a file in the node's folder unless said otherwise. Throws `CustodyNotOpened`, `InUse` or
 * `StoreUnavailable`; what was opened by then is closed.
 */
export function prepareNode(
  dir: string,
  place: Pick<CustodyPlace, "name" | "password" | "create">,
  history: StoreOptions = { file: join(dir, "history.sqlite") },
): Promise<PreparedNode> {
  return pastLookers(() => prepareAtOnce(dir, place, history));
}

/** Opens again what another process has, until it is taken for one that works on it. Throws what `open` throws. */
export async function pastLookers<T>(open: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isHeld(error) || performance.now() - startMs > LOOKERS_PATIENCE_MS) throw error;
      await delay(LOOK_AGAIN_MS);
    }
  }
}

/** Another process has it now. */
const isHeld = (error: unknown): boolean =>
  error instanceof InUse || (error instanceof StoreUnavailable && error.code === "locked");

async function prepareAtOnce(
  dir: string,
  place: Pick<CustodyPlace, "name" | "password" | "create">,
  history: StoreOptions,
): Promise<PreparedNode> {
  const vault = { vaultDir: join(dir, "vault"), journalFile: join(dir, "journal", "safety.sqlite") };
  // The thread is under way before this one begins to load the database.
  const [custody, store] = await Promise.allSettled([prepareCustody({ ...place, ...vault }), openHistory(history)]);
  if (custody.status === "fulfilled" && store.status === "fulfilled") {
    const close = async (): Promise<void> => {
      await store.value.close();
      await custody.value.terminate();
    };
    return { dir, custody: custody.value, store: store.value, close };
  }
  if (custody.status === "fulfilled") await custody.value.terminate();
  if (store.status === "fulfilled") await store.value.close();
  // A vault that another process holds explains a history that it holds too.
  throw custody.status === "rejected" ? custody.reason : (store as PromiseRejectedResult).reason;
}

async function openHistory(history: StoreOptions): Promise<Store> {
  const { openStore } = await import("@conclave/store-sql");
  return openStore(history);
}
