/** The Bitcoin chain, with its failures counted by kind. */
import { ChainLied, ChainRefused, ChainUnreachable, type BitcoinChain } from "@conclave/node";
import type { NodeMetrics } from "./metrics.ts";

type AnyQuestion = (...args: unknown[]) => unknown;

/** The same chain. What it throws is passed on unchanged. */
export const measuredChain = (chain: BitcoinChain, { chainErrors }: Pick<NodeMetrics, "chainErrors">): BitcoinChain =>
  new Proxy(chain, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      if (typeof found !== "function") return found;
      return (...args: unknown[]): unknown => {
        const answer = (found as AnyQuestion).apply(target, args);
        // Watched beside the caller, who hears of the failure as if nobody else did.
        if (answer instanceof Promise) answer.catch((error: unknown) => chainErrors.inc({ kind: kindOf(error) }));
        return answer;
      };
    },
  });

function kindOf(error: unknown): string {
  if (error instanceof ChainUnreachable) return "unreachable";
  if (error instanceof ChainRefused) return "refused";
  if (error instanceof ChainLied) return "lied";
  return "other";
}
