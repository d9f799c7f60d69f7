/** A node's doors to the world, which a test can shut: what is left of a process that was killed. */
import type { Clock, Timer } from "@conclave/node";
import { systemClock, systemPlatform, type Platform, type RelaySocket } from "../index.ts";

export interface Doors {
  readonly clock: Clock;
  readonly platform: Platform;
  /** Nothing passes any more, no timer fires, and nobody is told. */
  shut(): void;
}

export function openDoors(): Doors {
  const sockets = new Set<RelaySocket>();
  const timers = new Set<Timer>();
  const killed = new AbortController();
  const schedule: Clock["schedule"] = (delayMs, fire) => {
    if (killed.signal.aborted) return { cancel: () => {} };
    const timer = systemClock.schedule(delayMs, () => {
      timers.delete(timer);
      fire();
    });
    timers.add(timer);
    return {
      cancel: () => {
        timer.cancel();
        timers.delete(timer);
      },
    };
  };
  return {
    clock: { nowMs: () => systemClock.nowMs(), schedule },
    platform: {
      parallelQuestions: systemPlatform.parallelQuestions,
      openSocket(url, events) {
        const alive = (handle: () => void): void => {
          if (!killed.signal.aborted) handle();
        };
        const socket = systemPlatform.openSocket(url, {
          opened: () => alive(events.opened),
          received: (data) => alive(() => events.received(data)),
          closed: (reason) => alive(() => events.closed(reason)),
        });
        sockets.add(socket);
        return socket;
      },
      fetch: (url, { signal, ...request }) =>
        systemPlatform.fetch(url, {
          ...request,
          signal: AbortSignal.any([killed.signal, ...(signal instanceof AbortSignal ? [signal] : [])]),
        }),
    },
    shut() {
      killed.abort();
      for (const socket of sockets) socket.close();
      for (const timer of timers) timer.cancel();
    },
  };
}
