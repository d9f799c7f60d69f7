/** A node's history, with its way to the disk measured. */
import type { Store } from "@conclave/node";
import type { Histogram } from "prom-client";

type AnyMethod = (...args: unknown[]) => unknown;

/** The same store. What it throws is passed on unchanged. */
export function measuredStore(store: Store, seconds: Pick<Histogram, "observe">): Store {
  const durable = async (): Promise<void> => {
    const startMs = performance.now();
    await store.durable();
    seconds.observe((performance.now() - startMs) / 1_000);
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === "durable") return durable;
      const found: unknown = Reflect.get(target, name);
      return typeof found === "function" ? (...args: unknown[]) => (found as AnyMethod).apply(target, args) : found;
    },
  });
}
