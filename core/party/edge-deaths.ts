/** How what two parties share comes to its end: erased first, and only then does anybody hear of it. */
import { codec, equalBytes, fixedBytes, record, type Codec } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import type { Envelope } from "@conclave/custody";
import type { PartyIndex } from "@conclave/protocol";
import { partyNumber } from "./card.ts";
import type { PartyEvent } from "./events.ts";
import { cardOf, partyOfNode } from "./invite.ts";
import type { HeldKey, PartyKeys } from "./keys.ts";
import type { Meeting } from "./meeting.ts";

interface Notice {
  readonly certificate: Uint8Array;
  readonly peer: PartyIndex;
}

/** What one end says to everybody: what it shared with `peer` under this key is gone. */
const noticeCodec: Codec<Notice> = codec(record({ certificate: fixedBytes(32), peer: partyNumber }));

export interface EdgeDeathsParts {
  readonly meeting: Meeting;
  readonly keys: PartyKeys;
  readonly self: PartyIndex;
  readonly observe: (event: PartyEvent) => void;
  /** This party signs with that one no more. */
  readonly onLost: (peer: NodeId) => void;
}

export class EdgeDeaths {
  readonly #parts: EdgeDeathsParts;

  constructor(parts: EdgeDeathsParts) {
    this.#parts = parts;
  }

  /** A check on what is shared with a party failed, here or there. Durable when anybody is told. */
  lose(held: HeldKey, peer: PartyIndex, reason: string): void {
    const { keys, meeting, observe, onLost, self } = this.#parts;
    if (!keys.killEdge(held, peer, reason)) return;
    const body = noticeCodec.encode({ certificate: held.certificate, peer });
    const { wire } = meeting.seal({ kind: "edge", key: held.id, epoch: held.share.record.epoch }, body);
    meeting.send(
      meeting.peers().map(({ node }) => node),
      wire,
      "edge",
    );
    observe({ kind: "edgeDead", between: [self, peer], reason });
    onLost(cardOf(held.invite, peer).node);
  }

  /** One end's word is enough: it costs only this edge. */
  receive({ header, body }: Envelope): void {
    const { keys, observe, self } = this.#parts;
    const { certificate, peer } = noticeCodec.decode(body);
    const held = keys.all().find((candidate) => equalBytes(candidate.certificate, certificate));
    const sender = held && partyOfNode(held.invite, header.sender);
    if (held === undefined || sender === undefined || sender === self || peer === sender) return;
    if (peer === self) this.lose(held, sender, "the other party said that a check of its own failed");
    else observe({ kind: "edgeDead", between: [sender, peer], reason: "one of the two said so" });
  }
}
