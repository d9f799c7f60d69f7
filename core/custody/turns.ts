/**
 * One call into custody: what it says is collected and handed out when it returns. Wrong input costs itself and nothing else; a
 * disk that failed costs everything, because after that nothing that was promised is certain.
 */
import { CodecError } from "@conclave/bytes";
import { InclusionRefused, PaymentRefused, SignatureRefused } from "@conclave/bitcoin";
import { DocketRefused } from "./docket.ts";
import { EnvelopeRefused } from "./envelope.ts";
import type { CustodyEvent } from "./events.ts";
import { JournalUnavailable, VaultError } from "./ports.ts";

/** Wrong input: costs the message that brought it. Everything else that is thrown is a bug of ours. */
const REFUSALS = [CodecError, EnvelopeRefused, DocketRefused, PaymentRefused, SignatureRefused, InclusionRefused];

export class Turns {
  #events: CustodyEvent[] = [];
  #nowMs = 0;
  #failed: string | null = null;

  /** The host's time of the call that is under way. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Why no call does anything any more; null while the disks hold. */
  get failed(): string | null {
    return this.#failed;
  }

  emit(event: CustodyEvent): void {
    this.#events.push(event);
  }

  /** One call. After a disk has failed it does nothing. Throws what no input can cause. */
  run(nowMs: number, body: () => void): CustodyEvent[] {
    this.#nowMs = nowMs;
    this.#events = [];
    try {
      if (this.#failed === null) this.attend(body);
    } catch (error) {
      if (!(error instanceof JournalUnavailable || error instanceof VaultError)) throw error;
      this.#fail(error);
    }
    return this.#events.splice(0);
  }

  /** One piece of input: if it is wrong it costs itself, and what comes after it is attended to. */
  attend(body: () => void): void {
    try {
      body();
    } catch (error) {
      if (!REFUSALS.some((refusal) => error instanceof refusal)) throw error;
      this.emit({ kind: "dropped", from: null, reason: (error as Error).message });
    }
  }

  /** After one failed write nothing that this process believes about its disk is certain: everything else it said is held back. */
  #fail(cause: JournalUnavailable | VaultError): void {
    const disk = cause instanceof VaultError ? "vault" : "safety journal";
    this.#failed = `the ${disk} failed (${cause.message}): mend the disk and start this node again`;
    this.#events = [{ kind: "sealed", reason: this.#failed }];
  }
}
