import type { Coordination, Messenger, Statement } from "@conclave/node";

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
      if (closed) return;
      topics.add(topic);
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
