/** Two different signed messages for one place of a session convict their sender before anybody. */
import { equalBytes, toHex } from "@conclave/bytes";
import { slotOf, type Envelope } from "@conclave/custody";

/** Places remembered, the oldest forgotten first: a key generation of sixteen parties fills some 2,000. */
const MAX_PLACES = 4_096;

export class Contradictions {
  readonly #places = new Map<string, Envelope>();

  /** What the sender did, if it filled this place differently before; null if not. */
  watch(envelope: Envelope): string | null {
    // Only sessions: whoever is restarted answers a setup again with new keys, and does nothing wrong.
    if (envelope.header.ssid === null) return null;
    const place = toHex(slotOf(envelope.header));
    const first = this.#places.get(place);
    if (first === undefined) {
      this.#places.set(place, envelope);
      if (this.#places.size > MAX_PLACES) this.#places.delete(this.#places.keys().next().value!);
      return null;
    }
    const same =
      equalBytes(first.body, envelope.body) &&
      equalBytes(first.header.view ?? new Uint8Array(), envelope.header.view ?? new Uint8Array());
    return same ? null : `signed two different messages in round ${envelope.header.round}`;
  }
}
