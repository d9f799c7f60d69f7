/** `cluster acknowledge`: an operator has looked at a spend that nobody asked for, and lets the account go on. */
import { openWriter } from "../connection.ts";
import type { Action } from "../context.ts";
import { EXIT } from "../exit.ts";

interface AcknowledgeOptions {
  readonly reason: string;
}

export const acknowledge: Action<AcknowledgeOptions> = async ({ settings, out }, { reason }, txid = "") => {
  const answer = await openWriter(settings).acknowledgeSpend({ txid, body: { reason } });
  out.result(answer, () =>
    [
      `Transaction ${txid} is acknowledged on this node. Every other node asks its own operator.`,
      ...answer.frozen,
    ].join("\n"),
  );
  return EXIT.ok;
};
