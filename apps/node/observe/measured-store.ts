/** A node's history, with its way to the disk measured, and its last trouble remembered. */
import type { Store } from "@conclave/node";
import type { Histogram } from "prom-client";

export interface MeasuredStore {
  readonly store: Store;
  /** Why history did not reach the disk when that was asked for last; null if it did. */
  readonly trouble: () => string | null;
}

type AnyMethod = (...args: unknown[]) => unknown;

/** The same store. What it throws is passed on unchanged. */
export function measuredStore(store: Store, seconds: Pick<Histogram, "observe">): MeasuredStore {
  let trouble: string | null = null;
  const durable = async (): Promise<void> => {
    const startMs = performance.now();
    try {
      await store.durable();
      trouble = null;
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
      throw error;
    }
    seconds.observe((performance.now() - startMs) / 1_000);
  };
  const measured = new Proxy(store, {
    get(target, name) {
      if (name === "durable") return durable;
      const found: unknown = Reflect.get(target, name);
      return typeof found === "function" ? (...args: unknown[]) => (found as AnyMethod).apply(target, args) : found;
    },
  });
  return { store: measured, trouble: () => trouble };
}
