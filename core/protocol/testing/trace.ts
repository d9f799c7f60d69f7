import { rawCbor, toHex, transcript, type Cbor } from "@conclave/bytes";
import type { PartyIndex } from "../party.ts";
import type { Message } from "../session.ts";

/** What an honest session sent to one receiver, before any tampering. */
export interface Sent {
  readonly kind: "send";
  readonly to: PartyIndex;
  readonly message: Message;
}

/** One thing that happened, in order. `body` is what was delivered or made durable. */
export type TraceEvent =
  | { readonly kind: "start" | "crash" | "expire" | "result"; readonly party: PartyIndex }
  | Sent
  | { readonly kind: "deliver"; readonly to: PartyIndex; readonly message: Message }
  | { readonly kind: "commit"; readonly party: PartyIndex; readonly records: readonly Uint8Array[] }
  | { readonly kind: "abort"; readonly party: PartyIndex; readonly fault: string; readonly reason: string };

/** One hash for all that happened, hexadecimal. */
export function traceHash(trace: readonly TraceEvent[]): string {
  const events = trace.map((event): Cbor => {
    switch (event.kind) {
      case "send":
      case "deliver": {
        const { from, round, part, view, body } = event.message;
        return [event.kind, event.to, from, round, part, view, body];
      }
      case "commit":
        return [event.kind, event.party, event.records];
      case "abort":
        return [event.kind, event.party, event.fault, event.reason];
      default:
        return [event.kind, event.party];
    }
  });
  return toHex(transcript("testing/trace", { trace: rawCbor.encode(events) }));
}
