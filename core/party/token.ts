/** Cards and invites as people pass them on: one word that a double click selects whole, and that notices a lost letter. */
import { CodecError, compareBytes, concatBytes, transcript } from "@conclave/bytes";
import { base58 } from "@scure/base";

/** What a token is: its first letters. */
export type TokenKind = "card" | "invite";

const CHECKSUM_BYTES = 4;
/** An invite of sixteen parties and eight relays has some 7,000 letters; decoding base 58 takes the square of its length. */
const MAX_TOKEN_LENGTH = 10_000;

/** Not a token, or not as it was printed. The message says what to look at. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

export const printToken = (kind: TokenKind, body: Uint8Array): string =>
  `${kind}_${base58.encode(concatBytes(body, checksum(kind, body)))}`;

/** The body of a token. Throws `TokenError`. */
export function readToken(kind: TokenKind, text: string): Uint8Array {
  const token = text.trim();
  const prefix = `${kind}_`;
  if (!token.startsWith(prefix)) throw new TokenError(`${article(kind)} begins with "${prefix}"`);
  if (token.length > MAX_TOKEN_LENGTH) throw new TokenError(`${article(kind)} is not that long`);
  const bytes = decoded(kind, token.slice(prefix.length));
  const body = bytes.slice(0, -CHECKSUM_BYTES);
  if (bytes.length <= CHECKSUM_BYTES || compareBytes(checksum(kind, body), bytes.slice(-CHECKSUM_BYTES)) !== 0)
    throw new TokenError(`the ${kind} was not copied whole, or a letter of it is wrong: copy it again`);
  return body;
}

/** What `parse` makes of a token's body; what does not decode is told in this module's words. Throws `TokenError`. */
export function parseToken<T>(kind: TokenKind, text: string, parse: (body: Uint8Array) => T): T {
  const body = readToken(kind, text);
  try {
    return parse(body);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new TokenError(`the ${kind} is not one of this version's: ${cause.message}`, { cause });
  }
}

const article = (kind: TokenKind): string => (kind === "card" ? "a card" : "an invite");

const checksum = (kind: TokenKind, body: Uint8Array): Uint8Array =>
  transcript("party/token", { kind, body }).slice(0, CHECKSUM_BYTES);

function decoded(kind: TokenKind, text: string): Uint8Array {
  try {
    return base58.decode(text);
  } catch (cause) {
    throw new TokenError(`the ${kind} holds a character that none has: copy it again`, { cause });
  }
}
