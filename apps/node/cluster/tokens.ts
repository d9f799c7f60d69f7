/** Cards and charters as text that people send each other: one line, which says what it is. */
import { CodecError } from "@conclave/bytes";

const KINDS = { card: "conclave-card-1", charter: "conclave-charter-1", signature: "conclave-signature-1" } as const;
export type TokenKind = keyof typeof KINDS;

/** One line, with its end. */
export const printToken = (kind: TokenKind, bytes: Uint8Array): string =>
  `${KINDS[kind]}:${Buffer.from(bytes).toString("base64url")}\n`;

/** Throws `CodecError` for text that is something else, or was cut or changed in a way that shows at once. */
export function parseToken(kind: TokenKind, text: string): Uint8Array {
  const [found, body, ...more] = text.trim().split(":");
  if (found !== KINDS[kind] || body === undefined || more.length > 0)
    throw new CodecError(`this is no ${kind}: one begins with "${KINDS[kind]}:"`);
  const bytes = new Uint8Array(Buffer.from(body, "base64url"));
  if (Buffer.from(bytes).toString("base64url") !== body)
    throw new CodecError(`this ${kind} was cut or changed on its way`);
  return bytes;
}
