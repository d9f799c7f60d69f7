import type { PartyIndex } from "@conclave/protocol";

/** What a party tells its operator while it works. Holds no secret. */
export type PartyEvent =
  /** So many more are needed; these have not come, or their link is down. */
  | { readonly kind: "waiting"; readonly parties: readonly PartyIndex[] }
  | { readonly kind: "present"; readonly party: PartyIndex }
  | { readonly kind: "gone"; readonly party: PartyIndex }
  /** The party came to do something else, and takes no part. */
  | { readonly kind: "differs"; readonly party: PartyIndex; readonly how: readonly string[] }
  | { readonly kind: "begun"; readonly attempt: number; readonly parties: readonly PartyIndex[] }
  | { readonly kind: "round"; readonly round: string }
  /** These did not answer in time. Nothing is proven against them. */
  | { readonly kind: "timedOut"; readonly round: string; readonly outstanding: readonly PartyIndex[] }
  /** The attempt came to nothing, and nobody is to blame for all that anybody could prove. */
  | { readonly kind: "gaveUp"; readonly reason: string; readonly suspects: readonly PartyIndex[] }
  /** Signed messages prove it to anybody. */
  | { readonly kind: "broke"; readonly party: PartyIndex; readonly reason: string }
  /** Two parties sign together no more. */
  | { readonly kind: "edgeDead"; readonly between: readonly [PartyIndex, PartyIndex]; readonly reason: string }
  /** The share is on disk and waits for these parties' certificates. */
  | { readonly kind: "certifying"; readonly missing: readonly PartyIndex[] }
  /** The others are told, so that they come to the end as well. */
  | { readonly kind: "lingering"; readonly parties: readonly PartyIndex[] }
  /** For whoever looks for a fault; cost only itself. */
  | { readonly kind: "dropped"; readonly party: PartyIndex | null; readonly reason: string };

const list = (parties: readonly PartyIndex[]): string =>
  parties.length === 1 ? `party ${parties[0]}` : `parties ${parties.slice(0, -1).join(", ")} and ${parties.at(-1)}`;

/** One line for people. */
export function tell(event: PartyEvent): string {
  switch (event.kind) {
    case "waiting":
      return `waiting for ${list(event.parties)} …`;
    case "present":
      return `party ${event.party} is here`;
    case "gone":
      return `party ${event.party} is not reached any more`;
    case "differs":
      return `party ${event.party} takes no part here: ${event.how.join("; ")}`;
    case "begun":
      return `attempt ${event.attempt}: ${list(event.parties)} work together`;
    case "round":
      return `round ${event.round}`;
    case "timedOut":
      return event.outstanding.length === 0
        ? `no answer in time (${event.round}): trying again`
        : `no answer in time (${event.round}) from ${list(event.outstanding)}: trying again`;
    case "gaveUp":
      return `this attempt came to nothing: ${event.reason}`;
    case "broke":
      return `party ${event.party} broke the protocol: ${event.reason}`;
    case "edgeDead":
      return `${list(event.between)} can sign together no more: ${event.reason}`;
    case "certifying":
      return event.missing.length === 0
        ? "the share is stored and certified"
        : `the share is stored; waiting for the certificate of ${list(event.missing)} …`;
    case "lingering":
      return `staying until ${list(event.parties)} ${event.parties.length === 1 ? "has" : "have"} it too …`;
    case "dropped":
      return `dropped${event.party === null ? "" : ` from party ${event.party}`}: ${event.reason}`;
  }
}
