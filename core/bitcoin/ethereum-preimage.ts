/**
 * What Ethereum's secp256k1 keys sign to spend: an RLP list (Yellow Paper, Appendix B), for the later types of transaction
 * behind one byte that names the type (EIP-2718). Recognised by shape, with a margin for chains that added fields.
 */

/** A transaction of any type, signed or to be signed, or an authorization that hands an account to code (EIP-7702). */
export function looksLikeEthereum(message: Uint8Array): boolean {
  const legacy = listItems(message, 0);
  if (legacy !== undefined) return isLegacy(legacy);
  const [type] = message;
  const typed = type === undefined || type > MAX_TYPE ? undefined : listItems(message, 1);
  if (typed === undefined) return false;
  if (type === AUTHORIZATION && typed.length === 3) return typed[1]!.length === ADDRESS_BYTES;
  return typed.length >= LEGACY_UNSIGNED && typed.some(isRecipient);
}

/**
 * The same where the message is text: only a legacy transaction (type bytes are control characters), only of the exact
 * shape that Ethereum takes, so that no writing is refused by chance.
 */
export function looksLikeEthereumText(message: Uint8Array): boolean {
  const items = listItems(message, 0);
  if (items === undefined || !isLegacy(items)) return false;
  const numbers = items.filter((_, i) => i !== RECIPIENT && i !== CALL_DATA);
  const exact = items.length === LEGACY_UNSIGNED || items.length === LEGACY_SIGNED;
  return exact && numbers.every(({ first }) => first !== 0);
}

/** EIP-2718: types end where RLP lists, and so legacy transactions, begin to be possible. */
const MAX_TYPE = 0x7f;
/** EIP-7702's magic byte before [chain, address, nonce]. */
const AUTHORIZATION = 0x05;
const ADDRESS_BYTES = 20;
const MAX_NUMBER_BYTES = 32;

/** Nonce, gas price, gas limit, recipient, value, call data. */
const LEGACY_UNSIGNED = 6;
/** The same with v, r, s, or EIP-155's chain, 0, 0. */
const LEGACY_SIGNED = 9;
const RECIPIENT = 3;
const CALL_DATA = 5;

interface RlpItem {
  readonly list: boolean;
  readonly length: number;
  /** First byte of the content. */
  readonly first: number | undefined;
}

/** Twenty bytes of address, or none where a contract is made. */
const isRecipient = ({ list, length }: RlpItem): boolean => !list && (length === ADDRESS_BYTES || length === 0);

function isLegacy(items: readonly RlpItem[]): boolean {
  const recipient = items[RECIPIENT];
  if (items.length < LEGACY_UNSIGNED || recipient === undefined || !isRecipient(recipient)) return false;
  return items.slice(0, CALL_DATA).every(({ list, length }) => !list && length <= MAX_NUMBER_BYTES);
}

/** The items of a canonical RLP list that begins at `at` and fills the rest of the message; lists inside are not opened. */
function listItems(message: Uint8Array, at: number): readonly RlpItem[] | undefined {
  const whole = header(message, at);
  if (whole === undefined || !whole.list || whole.end !== message.length) return undefined;
  const items: RlpItem[] = [];
  let offset = whole.start;
  while (offset < whole.end) {
    const item = header(message, offset);
    if (item === undefined) return undefined;
    items.push({ list: item.list, length: item.end - item.start, first: message.subarray(item.start, item.end)[0] });
    offset = item.end;
  }
  return items;
}

interface RlpHeader {
  readonly list: boolean;
  /** Of the content. */
  readonly start: number;
  readonly end: number;
}

const SHORT_STRING = 0x80;
const SHORT_LIST = 0xc0;
/** Contents of up to 55 bytes have their length in the first byte; for longer ones it says how many bytes of length follow. */
const MAX_SHORT = 55;

function header(message: Uint8Array, at: number): RlpHeader | undefined {
  const first = message[at];
  if (first === undefined) return undefined;
  if (first < SHORT_STRING) return { list: false, start: at, end: at + 1 };
  const list = first >= SHORT_LIST;
  const size = first - (list ? SHORT_LIST : SHORT_STRING);
  const found =
    size <= MAX_SHORT ? { list, start: at + 1, end: at + 1 + size } : longHeader(message, at, { list, size });
  if (found === undefined || found.end > message.length) return undefined;
  // A single byte below 0x80 is its own encoding.
  const redundant = !list && size === 1 && message[found.start]! < SHORT_STRING;
  return redundant ? undefined : found;
}

function longHeader(
  message: Uint8Array,
  at: number,
  { list, size }: { readonly list: boolean; readonly size: number },
): RlpHeader | undefined {
  const start = at + 1 + size - MAX_SHORT;
  const digits = message.subarray(at + 1, start);
  const length = digits.reduce((value, byte) => value * 256 + byte, 0);
  const canonical = digits[0] !== 0 && length > MAX_SHORT;
  return start <= message.length && canonical ? { list, start, end: start + length } : undefined;
}
