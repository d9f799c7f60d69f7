/** What each node heard in one life of its process, and whom it therefore has to ban: evidence that reached one pair of ears. */
import { toHex } from "@conclave/bytes";
import { contradicts, signedVoteCodec, type NodeId } from "@conclave/consensus";
import type { Envelope } from "@conclave/custody/testing";

export interface Proof {
  readonly against: NodeId;
  /** What the contradiction is about; a node that does not know the request cannot judge it. */
  readonly request: string | null;
}

export class Suspicion {
  readonly #heard = new Map<NodeId, Map<string, Envelope>>();
  readonly #owed = new Map<NodeId, Proof[]>();

  hears(node: NodeId, envelope: Envelope): void {
    const slot = slotOf(envelope);
    if (slot === null) return;
    const heard = this.#heard.get(node) ?? new Map<string, Envelope>();
    this.#heard.set(node, heard);
    const first = heard.get(slot);
    if (first === undefined) heard.set(slot, envelope);
    else if (contradict(first, envelope)) {
      const { sender: against, request } = envelope.header;
      this.#owed.set(node, [...this.of(node), { against, request: request && toHex(request) }]);
    }
  }

  /** Its process ended, and what it had not yet written down is gone. */
  forgets(node: NodeId): void {
    this.#heard.delete(node);
    this.#owed.delete(node);
  }

  /** Whom a node holds proof against. */
  of(node: NodeId): readonly Proof[] {
    return this.#owed.get(node) ?? [];
  }
}

/** Where contradictions convict: a vote's slot, or the place that an envelope of a handshake or session fills. */
function slotOf({ header, body }: Envelope): string | null {
  if (header.kind === "vote") {
    const { vote } = signedVoteCodec.decode(body);
    const own = vote.voter === header.sender;
    return own ? `vote ${vote.voter} ${toHex(vote.request)} ${vote.revision}.${vote.round}` : null;
  }
  const { kind, sender, receiver, request, ssid, attempt, round } = header;
  if (!["setup", "ack", "begin", "step/broadcast", "step/direct", "step/echo"].includes(kind)) return null;
  return `${kind} ${sender} ${receiver} ${request && toHex(request)} ${ssid && toHex(ssid)} ${attempt} ${round}`;
}

function contradict(a: Envelope, b: Envelope): boolean {
  if (a.header.kind !== "vote") return toHex(a.wire) !== toHex(b.wire);
  return contradicts(signedVoteCodec.decode(a.body).vote, signedVoteCodec.decode(b.body).vote);
}
