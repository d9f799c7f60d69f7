import type { Messages, StoredMessage } from "../../store/messages.ts";
import type { Contents } from "./contents.ts";
import { copied, pageOf, required } from "./rows.ts";

export function messagesOver({ requests, messages }: Contents): Messages {
  return {
    async upsert(message) {
      required(requests.has(message.id), "a message needs its request");
      messages.set(message.id, copied(message));
    },
    get: async (id) => copied(messages.get(id)),
    list: async ({ states, ...page }) =>
      pageOf(
        [...messages.values()].filter(({ state }: StoredMessage) => states === undefined || states.includes(state)),
        (message) => message,
        page,
      ),
  };
}
