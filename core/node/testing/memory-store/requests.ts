import { equalBytes } from "@conclave/bytes";
import type { Saved } from "../../store/outcome.ts";
import type { Requests, StoredRequest } from "../../store/requests.ts";
import type { Contents } from "./contents.ts";
import { copied, pageOf, required } from "./rows.ts";

export function requestsOver({ requests, revisions }: Contents): Requests {
  const byKey = (key: string): StoredRequest | undefined =>
    [...requests.values()].find(({ idempotencyKey }) => idempotencyKey === key);
  return {
    async insert(request) {
      const { id, idempotencyKey, body } = request;
      const stored = requests.get(id) ?? (idempotencyKey === null ? undefined : byKey(idempotencyKey));
      if (stored === undefined) requests.set(id, copied(request));
      const result: Saved = stored === undefined ? "saved" : equalBytes(stored.body, body) ? "known" : "conflict";
      return { result, stored: copied(stored ?? request) };
    },
    get: async (id) => copied(requests.get(id)),
    byIdempotencyKey: async (key) => copied(byKey(key)),
    list: async (page) => pageOf([...requests.values()], (request) => request, page),
    async insertRevision(revision) {
      required(requests.has(revision.request), "a revision needs its request");
      const key = `${revision.request}/${revision.number}`;
      const stored = revisions.get(key);
      if (stored === undefined) revisions.set(key, copied(revision));
      if (stored === undefined) return "saved";
      return stored.digest === revision.digest && equalBytes(stored.body, revision.body) ? "known" : "conflict";
    },
    revision: async (request, number) => copied(revisions.get(`${request}/${number}`)),
    revisions: async (request) =>
      copied([...revisions.values()].filter((row) => row.request === request).sort((a, b) => a.number - b.number)),
  };
}
