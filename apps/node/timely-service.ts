/**
 * A node's API while its history does not answer. The node's own work waits for a database that restarts, for half a minute and
 * again; a client is told within seconds, and of a change also whether it may have happened.
 */
import { invoke, OPERATIONS, routeOf, ServiceError, type NodeService, type Operation } from "@conclave/api";
import { StoreUnavailable } from "@conclave/node";
import type { StoreWatch } from "./store-watch.ts";

/** A disk under load takes a second for what it does in milliseconds else; clients give up after ten or more. */
export const SILENCE_MS = 5_000;
/** What needs no history is answered within this, also while others wait for it. */
export const GRACE_MS = 1_000;
/** After a pause of the whole process its timers fire before it has read what came meanwhile: it is looked at twice. */
const LOOK_MS = 250;
const LOOKS = 2;
const RETRY_AFTER_SECONDS = 5;

/** They say themselves what is wrong, and wait for nothing. */
const AT_ONCE: ReadonlySet<Operation> = new Set<Operation>(["health", "ready"]);

export interface TimelyParts {
  readonly watch: Pick<StoreWatch, "silentMs">;
  /** A question to the history that costs next to nothing. */
  readonly probe: () => Promise<unknown>;
  /** Shorter ones for tests. */
  readonly silenceMs?: number;
  readonly graceMs?: number;
}

/** The same service. Throws `store-unavailable` besides what it throws, and goes on in silence with what it began. */
export function timelyService(service: NodeService, parts: TimelyParts): NodeService {
  const serve = (operation: Operation) => async (input: unknown) => {
    if (AT_ONCE.has(operation)) return invoke(service, operation, input);
    const work = (): Promise<unknown> => invoke(service, operation, input);
    if (routeOf(operation).method === "GET") return timely(parts, work, NOT_READ);
    // Nothing is begun that would only wait: a change that comes after its client gave up is a surprise.
    await timely(parts, parts.probe, NOT_BEGUN);
    return timely(parts, work, PERHAPS_DONE);
  };
  // `invoke` is typed by the same table.
  return Object.fromEntries(OPERATIONS.map((name) => [name, serve(name)])) as unknown as NodeService;
}

const CANNOT = "The node cannot reach its history now, and GET /ready says why";
const NOT_READ = `${CANNOT}: ask again in a few seconds.`;
const NOT_BEGUN = `${CANNOT}: nothing was done. Send the request again in a few seconds, with the same Idempotency-Key if it has one.`;
const PERHAPS_DONE = `${CANNOT}. Whether the request is carried out is not known: send it again with the same Idempotency-Key, or look before you repeat it without one.`;

async function timely<T>(
  { watch, silenceMs = SILENCE_MS, graceMs = GRACE_MS }: TimelyParts,
  work: () => Promise<T>,
  detail: string,
): Promise<T> {
  const startMs = performance.now();
  const unavailable = (cause?: unknown): ServiceError =>
    new ServiceError("store-unavailable", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause });
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    let looks = 0;
    const look = (): void => {
      const isSilent = watch.silentMs >= silenceMs && performance.now() - startMs >= graceMs;
      looks = isSilent ? looks + 1 : 0;
      if (looks >= LOOKS) reject(unavailable());
      else timer = setTimeout(look, LOOK_MS);
    };
    look();
  });
  try {
    return await Promise.race([work(), silence]);
  } catch (error) {
    throw error instanceof StoreUnavailable ? unavailable(error) : error;
  } finally {
    clearTimeout(timer);
  }
}
