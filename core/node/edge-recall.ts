/** What history and custody say of edges that died, for those who look at a cluster after a restart. */
import { requestCodec, type Request } from "@conclave/custody";
import type { Context } from "./context.ts";
import type { DeadEdges } from "./dead-edges.ts";
import type { RequestId } from "./store/ids.ts";

/** Edges that are made anew at one time; more than a cluster with a few keys has. */
const MAX_REKEYINGS = 500;

/** Edges that this node lost are dead after a restart too; what others said of theirs, they say again when it matters. */
export async function recallEdges(context: Context, deadEdges: DeadEdges): Promise<void> {
  const { self, store, news } = context;
  for (const { key, peer } of (await news.ask()).deadEdges)
    deadEdges.died(key, [self, peer], "it died before this node was started");
  for (const status of ["PENDING", "IN_PROGRESS"] as const) {
    for (const { request } of await store.events.list({ status, type: "REKEY", limit: MAX_REKEYINGS })) {
      const content = await contentOf(context, request);
      if (content?.kind === "rekey") deadEdges.asked(content.wallet, content.a, content.b);
    }
  }
}

/** A request came to nothing: if it was to make an edge anew, that edge stays dead. */
export async function rekeyFailed(context: Context, deadEdges: DeadEdges, id: RequestId): Promise<void> {
  const request = await contentOf(context, id);
  if (request?.kind === "rekey") deadEdges.gaveUp(request.wallet, request.a, request.b);
}

async function contentOf({ store }: Context, id: RequestId): Promise<Request | undefined> {
  const stored = await store.requests.get(id);
  return stored && requestCodec.decode(stored.body);
}
