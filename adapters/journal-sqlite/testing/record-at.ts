import { createHash } from "node:crypto";

/** The record that a seeded test writes at a position: 0 to 2,000 bytes that follow from both, or as many as asked for. */
export function recordAt(seed: string, position: number, bytes?: number): Uint8Array {
  const digest = createHash("sha256").update(`${seed}/${position}`).digest();
  const length = bytes ?? digest.readUInt16BE(0) % 2_001;
  return Uint8Array.from({ length }, (_, i) => digest[i % digest.length]! ^ (i & 255));
}
