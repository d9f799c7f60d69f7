/**
 * Finds dead machines within two seconds and mistakes no busy one for dead.
 *
 * QUIC's own idle timeout would have to be as short as two seconds, and then two nodes whose programs both compute for longer
 * lose a good link, for the library sends nothing by itself. So the timeout is long, we ping, and count: the other machine's QUIC
 * stack answers a ping whatever its program does. So many pings in a row without a single packet back, each sent and missed while
 * our own program was running, mean that nobody is there.
 */
import type { Clock, Timer } from "@conclave/node";

/** A ping goes out every so often. */
export const PING_EVERY_MS = 350;
/** Pings in a row that nothing came back after. With the wait before the first: 1.4 to 1.75 s. */
export const MISSED_PINGS = 4;

/** What both of the library's kinds of session offer; neither throws. */
export interface Pulse {
  ping(): void;
  getMetrics(): { readonly packetsIn: number } | null;
}

interface Patient {
  packetsIn: number;
  missed: number;
  readonly dead: () => void;
}

export class Heartbeat {
  readonly #clock: Clock;
  readonly #patients = new Map<Pulse, Patient>();
  #timer: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `dead` once nobody answers any more. Ends with the returned function, or with that call. */
  follow(pulse: Pulse, dead: () => void): () => void {
    this.#patients.set(pulse, { packetsIn: -1, missed: 0, dead });
    if (this.#timer === null) this.#beatLater();
    return () => {
      this.#patients.delete(pulse);
      if (this.#patients.size > 0) return;
      this.#timer?.cancel();
      this.#timer = null;
    };
  }

  #beatLater(): void {
    this.#timer = this.#clock.schedule(PING_EVERY_MS, () => {
      for (const [pulse, patient] of this.#patients) this.#beat(pulse, patient);
      if (this.#patients.size > 0) this.#beatLater();
      else this.#timer = null;
    });
  }

  #beat(pulse: Pulse, patient: Patient): void {
    const packetsIn = pulse.getMetrics()?.packetsIn ?? patient.packetsIn;
    patient.missed = packetsIn === patient.packetsIn ? patient.missed + 1 : 0;
    patient.packetsIn = packetsIn;
    if (patient.missed >= MISSED_PINGS) {
      this.#patients.delete(pulse);
      return patient.dead();
    }
    pulse.ping();
  }
}
