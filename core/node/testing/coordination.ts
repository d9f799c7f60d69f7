import type { Coordination, Messenger } from "../ports.ts";

/** The coordination's in-memory twin: every statement as a message to every node that it concerns. */
export const messageCoordination = (messenger: Messenger): Coordination => ({
  publish: ({ to, wire, topic }) => {
    for (const node of to) messenger.send(node, wire, topic);
  },
  withdraw: (topic) => messenger.close(topic),
  start: () => Promise.resolve(),
  close: () => Promise.resolve(),
});
