/**
 * What a session must overwrite when it ends, however it ends. One travels with the state from round to round, so that secrets
 * made while a message is checked are wiped as well: the session itself holds those only among its checked messages.
 */
export class Erasure {
  readonly #pending: (() => void)[] = [];

  /** The same buffer, now to be filled with zeros. */
  buffer(secret: Uint8Array): Uint8Array {
    this.#pending.push(() => secret.fill(0));
    return secret;
  }

  /** Secrets that only their own module can wipe. */
  with(wipe: () => void): void {
    this.#pending.push(wipe);
  }

  /** Overwrite everything added so far. Does nothing the second time. */
  run(): void {
    for (const wipe of this.#pending.splice(0)) wipe();
  }
}
