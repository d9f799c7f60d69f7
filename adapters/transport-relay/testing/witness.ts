/** One end of a network, and what it was told. */
import type { NodeId } from "@conclave/consensus";
import type { Transport, TransportHandler } from "@conclave/node";

export class Witness implements TransportHandler {
  readonly end: Transport;
  readonly texts: string[] = [];
  readonly notices: boolean[] = [];

  constructor(end: Transport) {
    this.end = end;
  }

  frame(_: NodeId, frame: Uint8Array): void {
    this.texts.push(new TextDecoder().decode(frame));
  }

  link(_: NodeId, up: boolean): void {
    this.notices.push(up);
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Sends `count` numbered frames, a few per turn, as a busy node does. */
export async function sendMany(
  end: Transport,
  to: NodeId,
  { count, between = async () => {} }: { readonly count: number; readonly between?: (sent: number) => Promise<void> },
): Promise<void> {
  for (let n = 0; n < count; n++) {
    end.send(to, text(`${n}`));
    if (n % 10 === 9) await between(n + 1);
  }
}

/** "0" to "count − 1", sorted as texts. */
export const numbered = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `${n}`).sort();
