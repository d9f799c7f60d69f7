/** Where in its work a node is, as it tells of it. */
import type { Notice } from "@conclave/node";

/** What belongs to carrying out a request; null for anything else. */
export function phaseOf(notice: Notice): string | null {
  switch (notice.kind) {
    case "proposed":
    case "voted":
    case "verdict":
    case "joined":
    case "acked":
    case "begun":
    case "signed":
    case "keyPending":
    case "keyActive":
      return notice.kind;
    case "progress":
      return `round ${notice.round}`;
    case "state":
      return notice.state === "broadcasting" || notice.state === "confirmed" ? notice.state : null;
    default:
      return null;
  }
}
