/** BIP380's checksum of an output descriptor. */

/** BIP380: characters in groups of 32, the likeliest typing errors within one group. */
const CHARACTERS = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

/** BIP380's eight characters for a descriptor without its checksum. Throws `RangeError` on a character it cannot hold. */
export function descriptorChecksum(descriptor: string): string {
  const symbols: number[] = [];
  let classes: number[] = [];
  for (const character of descriptor) {
    const position = CHARACTERS.indexOf(character);
    if (position < 0) throw new RangeError("the descriptor holds a character that BIP380 does not allow");
    symbols.push(position & 31);
    classes.push(position >> 5);
    if (classes.length === 3) {
      symbols.push(classes.reduce((sum, value) => sum * 3 + value));
      classes = [];
    }
  }
  if (classes.length > 0) symbols.push(classes.reduce((sum, value) => sum * 3 + value));
  const remainder = [...symbols, 0, 0, 0, 0, 0, 0, 0, 0].reduce(polymodStep, 1n) ^ 1n;
  return Array.from(
    { length: 8 },
    (_, i) => CHECKSUM_CHARACTERS[Number((remainder >> BigInt(5 * (7 - i))) & 31n)],
  ).join("");
}

/** One symbol into BIP380's checksum over GF(32). */
function polymodStep(state: bigint, symbol: number): bigint {
  const top = state >> 35n;
  let next = ((state & 0x7ffffffffn) << 5n) ^ BigInt(symbol);
  for (const [i, generator] of GENERATOR.entries()) if (((top >> BigInt(i)) & 1n) === 1n) next ^= generator;
  return next;
}
