/** An engine that remembers the verifiers of recent keys: checking a new key costs ten times what its signatures do. */
import { toHex } from "@conclave/bytes";
import type { Ed25519Verifier, Engine } from "@conclave/crypto";

/** As many senders as the mailroom remembers; a verifier takes about a kilobyte. */
const MAX_REMEMBERED = 4_096;

/** The same engine; `ed25519Verifier` looks a key up before it checks it, and keeps those used last. */
export function withRememberedVerifiers(engine: Engine, maxRemembered = MAX_REMEMBERED): Engine {
  const remembered = new Map<string, Ed25519Verifier>();
  return {
    ...engine,
    ed25519Verifier(publicKey) {
      const key = toHex(publicKey);
      const known = remembered.get(key);
      remembered.delete(key);
      const verifier = known ?? engine.ed25519Verifier(publicKey);
      remembered.set(key, verifier);
      if (remembered.size > maxRemembered) remembered.delete(remembered.keys().next().value!);
      return verifier;
    },
  };
}
