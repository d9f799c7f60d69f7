import type { Coordination } from "@conclave/node";

/**
 * Two ways for each statement, such as the mesh and etcd: it arrives by whichever is faster or works at all, and once more by
 * the other. Neither waits for the other, and closing one that fails does not keep the other open.
 */
export const bothCoordinations = (first: Coordination, second: Coordination): Coordination => ({
  publish(statement) {
    first.publish(statement);
    second.publish(statement);
  },
  withdraw(topic) {
    first.withdraw(topic);
    second.withdraw(topic);
  },
  async start(read) {
    await Promise.all([first.start(read), second.start(read)]);
  },
  async close() {
    const outcomes = await Promise.allSettled([first.close(), second.close()]);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  },
});
