/** A party on its relays, for as long as one command takes. */
import { linkTerms, Party, PartyFailure, tell, type Invite, type PartyEvent } from "@conclave/party";
import { openRelayTransport, type RelayTransportNotice } from "@conclave/transport-relay";
import { systemClock } from "./clock.ts";
import { rng, type PartyData } from "./data.ts";
import { engine } from "./engine.ts";
import { usageError } from "./exit.ts";
import type { Output } from "./output.ts";
import type { LogLevel, Settings } from "./settings.ts";

export interface Terms {
  readonly settings: Settings;
  readonly out: Output;
  readonly data: PartyData;
  readonly invite: Invite;
  /** How long the operator waits; null: until somebody stops the command. */
  readonly timeoutMs: number | null;
}

/** The longest wait that a timer takes. */
const MAX_TIMEOUT_SECONDS = 2_000_000;

/** Seconds as typed. Throws `CommandError` (usage). */
export function parseTimeoutMs(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= MAX_TIMEOUT_SECONDS) return seconds * 1_000;
  throw usageError(`--timeout is "${text}": write whole seconds, 1 to ${MAX_TIMEOUT_SECONDS}.`);
}

/** Meet the others, do the work, show its result, stay until they have it too. */
export async function together<Result>(
  { settings, out, data, invite, timeoutMs }: Terms,
  work: (party: Party) => Promise<Result>,
  show: (result: Result) => void,
): Promise<void> {
  const party = new Party({
    engine,
    identity: data.identity,
    invite,
    keys: data.keys,
    transport: transportOf(settings, out, data, invite),
    clock: systemClock,
    rng,
    observe: (event) => out.log(levelOf(event), tell(event)),
  });
  // Nothing else may be there to do for a while, with every relay out of reach.
  const alive = setInterval(() => {}, 60_000);
  const stopped = stopper(timeoutMs);
  try {
    await party.start();
    const result = await Promise.race([work(party), stopped.failed]);
    show(result);
    await Promise.race([party.settle(), stopped.asked]);
  } finally {
    stopped.forget();
    await party.close();
    clearInterval(alive);
  }
}

const transportOf = ({ relays, relayMode }: Settings, out: Output, { identity }: PartyData, invite: Invite) =>
  openRelayTransport({
    ...linkTerms(invite, identity),
    urls: relays ?? invite.relays,
    mode: relayMode,
    engine,
    clock: systemClock,
    randomBytes: rng,
    observe: relayNews(out),
  });

/** A relay that comes or goes is told once each time; the rest is for whoever looks for a fault. */
function relayNews(out: Output): (notice: RelayTransportNotice) => void {
  const down = new Set<string>();
  return (notice) => {
    if (notice.kind === "up") {
      down.delete(notice.url);
      return out.log("info", `relay ${notice.url} is there`);
    }
    if (notice.kind === "down") {
      if (down.has(notice.url)) return;
      down.add(notice.url);
      return out.log("warn", `relay ${notice.url} is not reached: ${notice.reason}`);
    }
    if (notice.kind === "refused")
      return out.log("warn", `relay ${notice.url} would not keep a message: ${notice.reason}`);
    out.log("debug", `dropped: ${notice.why}`);
  };
}

function levelOf({ kind }: PartyEvent): LogLevel {
  if (kind === "dropped" || kind === "round") return "debug";
  return ["broke", "edgeDead", "differs", "timedOut", "gaveUp"].includes(kind) ? "warn" : "info";
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** What ends a command from outside: the operator, or the operator's patience. A second signal ends the process at once. */
function stopper(timeoutMs: number | null) {
  const failed = Promise.withResolvers<never>();
  const asked = Promise.withResolvers<void>();
  failed.promise.catch(() => {});
  const stop = (failure: PartyFailure): void => {
    forget();
    failed.reject(failure);
    asked.resolve();
  };
  const hear = (): void =>
    stop(new PartyFailure("closed", "interrupted; nothing is lost: the same command goes on or starts anew"));
  const timer =
    timeoutMs === null
      ? undefined
      : setTimeout(
          () =>
            stop(
              new PartyFailure(
                "timeout",
                `no result within ${timeoutMs / 1_000} s; the lines above say whom it waits for. The same command goes on or starts anew`,
              ),
            ),
          timeoutMs,
        );
  const forget = (): void => {
    clearTimeout(timer);
    for (const signal of SIGNALS) process.off(signal, hear);
  };
  for (const signal of SIGNALS) process.on(signal, hear);
  return { failed: failed.promise, asked: asked.promise, forget };
}
