import { MAX_STATEMENT_BYTES, type Coordination, type Messenger, type Statement } from "@conclave/node";

/**
 * Topics that are closed one by one when this is. What was said on an older one has been delivered, or is given up by
 * whoever delivers it.
 */
export const MAX_REMEMBERED_TOPICS = 1_024;

/**
 * Coordination without a service beside the nodes: each statement goes to every node that it concerns, as a message that is
 * repeated until it arrives. Nothing is stored: who was away longer than messages are repeated is told again by its peers
 * when its link comes up.
 *
 * Others' statements arrive among the node's own frames, so `start` has nothing to listen to.
 */
export function meshCoordination(messenger: Messenger): Coordination {
  let closed = false;
  const topics = new Set<string>();
  return {
    publish({ to, wire, topic }: Statement) {
      if (wire.length === 0 || wire.length > MAX_STATEMENT_BYTES)
        throw new RangeError(`a statement of ${wire.length} bytes: it has to have 1 to ${MAX_STATEMENT_BYTES}`);
      if (closed) return;
      topics.add(topic);
      if (topics.size > MAX_REMEMBERED_TOPICS) topics.delete(topics.values().next().value!);
      for (const node of to) messenger.send(node, wire, topic);
    },
    withdraw(topic) {
      topics.delete(topic);
      messenger.close(topic);
    },
    start: () => Promise.resolve(),
    close() {
      closed = true;
      for (const topic of topics) messenger.close(topic);
      topics.clear();
      return Promise.resolve();
    },
  };
}
