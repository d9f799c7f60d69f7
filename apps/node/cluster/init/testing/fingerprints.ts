/** The fingerprint as an operator would read it off the screen. */
import type { Lines } from "../node-dir.ts";

export function parseFingerprint(said: Lines): string {
  const at = said.findIndex((line) => line.startsWith("Fingerprint"));
  return said.slice(at + 1, at + 5).join(" ");
}
