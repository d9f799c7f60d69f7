/** What nodes do, as JSON lines for programs that watch a local network, beside the lines of its phases. */
import { toHex } from "@conclave/bytes";
import { viewKey } from "@conclave/custody";
import type { Notice } from "@conclave/node";
import type { LocalNetwork } from "./folder.ts";
import type { Notices } from "./notices.ts";
import type { Progress } from "./progress.ts";

/** A line for each change of a payment, a message or a key at each node, until the process ends. */
export function tellPrograms({ names }: LocalNetwork, notices: Notices, progress: Progress): void {
  notices.listen((node, notice) => {
    const facts = factsOf(notice);
    if (facts !== null) progress.event(notice.kind, { node: names[node], ...facts });
  });
}

function factsOf(notice: Notice): Readonly<Record<string, unknown>> | null {
  switch (notice.kind) {
    case "state":
      return { request: notice.request, state: notice.state, reason: notice.reason };
    case "message":
      return { request: notice.request, state: notice.state, reason: notice.reason };
    case "keyActive":
      return { key: toHex(notice.key), purpose: viewKey(notice.record).purpose };
    case "presigned":
      return { key: toHex(notice.key), waiting: notice.waiting };
    case "edgeMade":
      return { key: toHex(notice.key) };
    case "edgeDead":
      return { key: toHex(notice.key), reason: notice.reason };
    case "aborted":
      return { request: toHex(notice.request), attempt: notice.attempt, reason: notice.reason };
    case "problem":
      return { message: notice.message };
    default:
      return null;
  }
}
