/** Dialling a peer: addresses in order, one connection of our own, one stream on it, and a reason that says what was wrong. */
import type { Connection as PeerConnection, Libp2p, MultiaddrConnection } from "@libp2p/interface";
import { multiaddr, type Multiaddr } from "@multiformats/multiaddr";
import type { NodeId } from "@conclave/consensus";
import { ADDRESS_DIAL_MS, DIAL_MS, MAX_DIAL_ADDRESSES, PROTOCOL } from "./limits.ts";
import { DialRefused } from "./refusal.ts";
import { StreamConnection } from "./stream-connection.ts";

export interface DialTarget {
  readonly peer: NodeId;
  readonly peerId: string;
  readonly addresses: readonly string[];
}

/** An address as libp2p dials it, with the identity that must be proven there. Throws `DialRefused`. */
export function dialAddress(text: string, peerId: string): Multiaddr {
  const address = parsed(text);
  const named = address.getComponents().findLast(({ name }) => name === "p2p")?.value;
  if (named === undefined) return address.encapsulate(`/p2p/${peerId}`);
  if (named === peerId) return address;
  throw new DialRefused("bad-address", `${text} names another peer than ${peerId}, which the roster has: correct one`);
}

function parsed(text: string): Multiaddr {
  try {
    return multiaddr(text);
  } catch (cause) {
    const hint = "write /ip4/<address>/tcp/<port>, with /ws at the end for a WebSocket";
    throw new DialRefused("bad-address", `${JSON.stringify(text)} is no multiaddr: ${hint}`, { cause });
  }
}

/**
 * Dials, and opens the stream. `opened` holds the raw connections of this dial, which libp2p leaves open when a WebSocket's
 * handshake fails.
 */
export async function dialPeer(
  libp2p: Libp2p,
  target: DialTarget,
  opened: ReadonlySet<MultiaddrConnection>,
  closing: AbortSignal,
): Promise<StreamConnection> {
  const addresses = target.addresses.slice(0, MAX_DIAL_ADDRESSES).map((text) => dialAddress(text, target.peerId));
  if (addresses.length === 0)
    throw new DialRefused("no-address", `nobody knows where ${target.peerId} is: give it an address, or a registry`);
  const signal = AbortSignal.any([closing, AbortSignal.timeout(DIAL_MS)]);
  try {
    const connection = await libp2p.dial(addresses, { force: true, signal });
    return await openStream(connection, target, signal);
  } catch (cause) {
    for (const raw of opened) raw.abort(new Error("the dial failed"));
    throw cause instanceof DialRefused ? cause : refusalOf(cause, target);
  }
}

async function openStream(
  connection: PeerConnection,
  target: DialTarget,
  signal: AbortSignal,
): Promise<StreamConnection> {
  try {
    return new StreamConnection(await connection.newStream(PROTOCOL, { signal }), connection);
  } catch (cause) {
    connection.abort(new Error("no stream was opened"));
    // Its part of the handshake is done before ours: only now does a refusal on its side show.
    if ((cause as Error).name === "UnsupportedProtocolError")
      throw new DialRefused(
        "other-protocol",
        `${target.peerId} does not speak ${PROTOCOL}: run the same release there`,
        { cause },
      );
    const hint = "it is closing, or its roster has no node with our peer id: compare the rosters";
    throw new DialRefused("turned-away", `${target.peerId} proved who it is and hung up: ${hint}`, { cause });
  }
}

/** noise's words for an identity that is proven and not the expected one; the first is its peer id. */
const OTHER_IDENTITY = /identity key (?<peerId>\w+) does not match expected remote identity key/;

/** libp2p's errors by what they mean to an operator. */
function refusalOf(cause: unknown, { peerId, addresses }: DialTarget): DialRefused {
  const errors = cause instanceof AggregateError ? (cause.errors as Error[]) : [cause as Error];
  const other = errors
    .map(({ message }) => OTHER_IDENTITY.exec(message)?.groups!["peerId"])
    .find((id) => id !== undefined);
  const at = addresses.join(", ");
  if (other !== undefined) {
    const message = `who answers at ${at} is ${other}, and not ${peerId}: correct the address or the roster`;
    return new DialRefused("wrong-peer", message, { cause });
  }
  const reasons = errors.map((error) => reasonOf(error)).join("; ");
  return new DialRefused("unreachable", `${peerId} cannot be reached at ${at}: ${reasons}`, { cause });
}

const reasonOf = ({ name, message }: Error): string =>
  name === "TimeoutError" || name === "AbortError" ? `no answer within ${ADDRESS_DIAL_MS} ms` : message;
