/**
 * What of a value may stand in a log: the last line of defence behind whoever wrote the line. Bytes never do, nor numbers as long as
 * a key, nor what is called like a secret, nor objects with a life of their own. Nothing that a peer or a client chose can end a
 * line or move a terminal's cursor.
 */

/** As plain JSON. */
export type Printable =
  | string
  | number
  | boolean
  | null
  | readonly Printable[]
  | { readonly [field: string]: Printable };

/** Whatever is called like this is a secret, or sits beside one. */
const SECRET_NAME = /token|passw|passphrase|secret|share|seed|mnemonic|private|authorization|cookie|nonce/i;
export const REDACTED = "[redacted]";

/** Objects in objects: a log line is no archive. */
const MAX_DEPTH = 4;
const MAX_FIELDS = 32;
const MAX_ITEMS = 16;
const MAX_TEXT = 2_000;
/** Amounts have at most 51 bits; what is longer is a scalar. */
const MAX_BIGINT = 1n << 63n;
/** Ids have 64 digits. More is no id: a share, a transaction, a key. */
const MAX_DIGITS = 64;
const LONG_DIGITS = new RegExp(`[0-9A-Za-z+/_-]{${MAX_DIGITS + 1},}={0,2}`, "g");
/** A path may be as long; it has no digits, or no capitals. */
const ENCODED = /^[0-9a-f]+$|^[0-9A-F]+$|^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)/;
/** 32 bytes in base64 or base58, as wallets write private keys: nothing else has capitals, small letters and digits in one word. */
const ENCODED_KEY =
  /(?<![0-9A-Za-z+])(?=[0-9A-Za-z+]*\d)(?=[0-9A-Za-z+]*[a-z])(?=[0-9A-Za-z+]*[A-Z])[0-9A-Za-z+]{40,}={0,2}/g;
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/**
 * Controls of both kinds (a terminal obeys 0x9b like ESC [), line separators, marks that turn the writing direction, and what
 * cannot be seen at all.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Texts that are concealed wherever they stand, because somebody handed them over as secrets. */
export class Concealed {
  readonly #texts = new Set<string>();

  /** Shorter texts are words: to conceal them would spoil every line. */
  add(text: string): void {
    if (text.length >= 8) this.#texts.add(text);
  }

  in(text: string): string {
    let shown = text;
    for (const secret of this.#texts) shown = shown.replaceAll(secret, REDACTED);
    return shown;
  }
}

/** One line of it, in characters that are seen. */
export function printableText(text: string, concealed: Concealed): string {
  const whole = concealed.in(text);
  const shown = whole.length > MAX_TEXT ? `${whole.slice(0, MAX_TEXT)}…` : whole;
  return shown
    .replace(PEM, "[private key]")
    .replace(LONG_DIGITS, (run) => (ENCODED.test(run) ? `[${run.length} digits]` : run))
    .replace(ENCODED_KEY, (run) => `[${run.length} digits]`)
    .replace(UNSEEN, escaped);
}

const escaped = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;

/** Never throws. */
export function printable(value: unknown, concealed: Concealed, depth = 0): Printable {
  switch (typeof value) {
    case "string":
      return printableText(value, concealed);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "bigint":
      return value < MAX_BIGINT && value > -MAX_BIGINT ? value.toString() : "[large number]";
    case "object":
      return value === null ? null : printableObject(value, concealed, depth);
    default:
      return `[${typeof value}]`;
  }
}

function printableObject(value: object, concealed: Concealed, depth: number): Printable {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[no date]" : value.toISOString();
  if (depth >= MAX_DEPTH) return "[more]";
  if (value instanceof Error) return printableError(value, concealed, depth);
  if (Array.isArray(value)) return printableList(value, concealed, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  // A class knows what its instances hold; a log does not.
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor?.name ?? "object"}]`;
  // What refuses to be printed says so with this method.
  if ("toJSON" in value) return "[unprintable]";
  const fields = Object.entries(value);
  const shown = fields.slice(0, MAX_FIELDS).map(([name, field]): [string, Printable] => {
    const isSecret = SECRET_NAME.test(name) && typeof field !== "boolean" && field !== null && field !== undefined;
    return [printableText(name, concealed), isSecret ? REDACTED : printable(field, concealed, depth + 1)];
  });
  return Object.fromEntries(fields.length > MAX_FIELDS ? [...shown, ["more", fields.length - MAX_FIELDS]] : shown);
}

/** A long list of numbers is bytes by another name. */
function printableList(items: readonly unknown[], concealed: Concealed, depth: number): Printable {
  if (items.length > MAX_ITEMS && items.every((item) => typeof item === "number")) return `[${items.length} numbers]`;
  const shown = items.slice(0, MAX_ITEMS).map((item) => printable(item, concealed, depth + 1));
  return items.length > MAX_ITEMS ? [...shown, `and ${items.length - MAX_ITEMS} more`] : shown;
}

/** Fields that libraries add to their errors are left out: nobody knows what is in them. A code is a word. */
function printableError(error: Error, concealed: Concealed, depth: number): Printable {
  const { name, message, stack = "", cause } = error;
  const code: unknown = "code" in error ? error.code : undefined;
  return {
    type: printableText(name, concealed),
    message: printableText(message, concealed),
    ...(typeof code === "string" || typeof code === "number" ? { code: printable(code, concealed) } : {}),
    stack: stack
      .split("\n")
      .slice(1, MAX_ITEMS)
      .map((line) => printableText(line.trim(), concealed)),
    ...(cause === undefined ? {} : { cause: printable(cause, concealed, depth + 1) }),
  };
}
