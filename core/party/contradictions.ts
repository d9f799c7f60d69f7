/** Two different signed messages for one place of a session convict their sender before anybody. */
import { equalBytes, toHex, transcript } from "@conclave/bytes";
import { slotOf, type Envelope } from "@conclave/custody";

/** Places remembered, the oldest forgotten first: a key generation of sixteen parties fills some 2,000. */
const MAX_PLACES = 8_192;

export class Contradictions {
  /** By place, hexadecimal: hash of what fills it. */
  readonly #places = new Map<string, Uint8Array>();

  /** What the sender did, if it filled this place differently before; null if not. */
  watch({ header, body }: Envelope): string | null {
    // Only sessions: whoever is restarted answers a setup again with new keys, and does nothing wrong.
    if (header.ssid === null) return null;
    const place = toHex(slotOf(header));
    const content = transcript("party/content", { view: header.view ?? new Uint8Array(), body });
    const first = this.#places.get(place);
    if (first !== undefined)
      return equalBytes(first, content) ? null : `signed two different messages in round ${header.round}`;
    this.#places.set(place, content);
    if (this.#places.size > MAX_PLACES) this.#places.delete(this.#places.keys().next().value!);
    return null;
  }
}
