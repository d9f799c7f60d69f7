import type { Events, StoredEvent } from "../../store/events.ts";
import { checkLimit } from "../../store/pages.ts";
import type { Contents } from "./contents.ts";
import { byText, copied, required } from "./rows.ts";

export function eventsOver({ requests, events }: Contents): Events {
  const oldestFirst = (filter: (event: StoredEvent) => boolean): StoredEvent[] =>
    copied([...events.values()].filter(filter).sort((a, b) => a.height - b.height || byText(a.id, b.id)));
  return {
    async insert(event) {
      required(requests.has(event.request), "an event needs its request");
      const known = events.get(event.id);
      if (known === undefined) events.set(event.id, copied(event));
      if (known === undefined) return "saved";
      const same = known.request === event.request && known.type === event.type && known.height === event.height;
      return same ? "known" : "conflict";
    },
    get: async (id) => copied(events.get(id)),
    ofRequest: async (request) => oldestFirst((event) => event.request === request),
    async list({ status, limit, type, dueAtMs = Number.MAX_SAFE_INTEGER }) {
      checkLimit(limit);
      const wanted = ({ status: own, notBeforeMs, type: kind }: StoredEvent): boolean =>
        own === status && notBeforeMs <= dueAtMs && (type === undefined || kind === type);
      return oldestFirst(wanted).slice(0, limit);
    },
    async update(id, from, { reason, ...change }) {
      const event = events.get(id);
      if (event === undefined || event.status !== from) return false;
      const reasons = reason === undefined ? event.reasons : [...event.reasons, reason];
      events.set(id, copied({ ...event, ...change, reasons }));
      return true;
    },
    async resetInProgressEventsToPending(retryDelayMs, nowMs) {
      const interrupted = [...events.values()].filter(({ status }) => status === "IN_PROGRESS");
      const notBeforeMs = nowMs + retryDelayMs;
      for (const event of interrupted) events.set(event.id, { ...event, status: "PENDING", notBeforeMs });
      return interrupted.length;
    },
  };
}
