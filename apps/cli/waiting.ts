/** Waiting for what the cluster works on. */
import { ApiProblem, ApiUnreachable } from "@conclave/api";
import { usageError } from "./exit.ts";

const MAX_WAIT_SECONDS = 86_400;

/** What `--wait-timeout` says. Throws `CliError` (usage). */
export function parseWaitSeconds(typed: string): number {
  const seconds = Number(typed);
  if (!/^\d{1,5}$/.test(typed) || seconds < 1 || seconds > MAX_WAIT_SECONDS) {
    throw usageError(`--wait-timeout is a whole number of seconds from 1 to ${MAX_WAIT_SECONDS}.`);
  }
  return seconds;
}

/** How it is now; as it was, while the node cannot say: the request was taken, and goes on without this node. */
export async function lookAgain<T>(ask: () => Promise<T>, known: T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ApiUnreachable) return known;
    if (error instanceof ApiProblem && (error.body.status >= 500 || error.problem === "too-many-requests"))
      return known;
    throw error;
  }
}
