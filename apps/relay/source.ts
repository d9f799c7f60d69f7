/** Who a connection counts for. */

const GROUPS = 8;
/** Of an IPv6 address: one line to the internet has at least 2^64 of them (RFC 6177), which differ behind these. */
const PREFIX_GROUPS = 4;

/** An IPv4 address itself; of an IPv6 address the /64 that it is in. */
export function sourceOf(address: string | undefined): string {
  const plain = (address ?? "").split("%")[0]!.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : GROUPS - front.length - back.length;
  const groups = [...front, ...Array.from({ length: zeros }, () => "0"), ...back];
  return `${groups.slice(0, PREFIX_GROUPS).join(":")}::/64`;
}
