/** Every bound of this adapter, and why it is where it is. Frames, queues and redialling have theirs in `LinkMesh`. */

/** Protocol of a link's stream. Its number is raised when links of the old kind and the new cannot talk. */
export const PROTOCOL = "/conclave/1.0.0";

/** One dial, all addresses together; below the 10 s after which a mesh gives up waiting, so that no dial outlives its asker. */
export const DIAL_MS = 8_000;
/** One address of several: a host that swallows packets leaves time for the others. */
export const ADDRESS_DIAL_MS = 3_000;
/** Addresses tried in one dial, those of the registry first. */
export const MAX_DIAL_ADDRESSES = 8;

/** Longest time from an open socket to a proven identity: a handshake over a slow line takes a second. */
export const PROOF_MS = 5_000;
/**
 * Sockets that wait for their proof. Room for a full roster (32) that comes back at once, twice over; each may hold the 4 MiB
 * that libp2p's reader buffers at most.
 */
export const MAX_UNPROVEN = 64;
/** A handshake needs 1 KiB in all, a WebSocket's headers another. Who sends more before its proof sends no handshake. */
export const MAX_UNPROVEN_BYTES = 64 * 1_024;
/**
 * Sockets that one host may open in a second before a peer has come from it. Each can cost 4 ms of handshake: a quarter of a
 * core. A whole roster (32) on one machine starts below it.
 */
export const MAX_ARRIVALS_PER_SECOND = 64;
/** Hosts of peers that are remembered, and not held to it: a roster's (32), each at several addresses. */
export const MAX_KNOWN_HOSTS = 256;
/** How often the unproven are looked at while there are any. */
export const UNPROVEN_LOOK_MS = 100;
/** HTTP headers of a WebSocket's request; ours have 300 bytes. */
export const MAX_HTTP_HEADER_BYTES = 8_192;
/** Largest WebSocket message taken: noise sends at most 65,535 bytes in one. */
export const MAX_WEBSOCKET_MESSAGE_BYTES = 128 * 1_024;

/** Connections of one peer: one that works, one that a restart or a dead line left behind, and two on their way. */
export const MAX_CONNECTIONS_PER_PEER = 4;
/** Streams that a peer may open in the life of one connection. A link needs one; the next one cuts the connection. */
export const MAX_STREAMS_PER_CONNECTION = 2;
/** Longest time from a proven connection to its stream, and for agreeing on the stream's protocol. */
export const STREAM_MS = 5_000;

/**
 * Bytes of one stream on their way and not yet read. Two of the largest frames: at 100 ms one way that is 10 MB/s, and a
 * frame never waits for its own acknowledgement. yamux's default is an eighth of it.
 */
export const STREAM_WINDOW_BYTES = 2 << 20;
/** Written to a stream and beyond its window. The mesh stops at the first byte, in pieces of 1 MiB. */
export const MAX_STREAM_BUFFER_BYTES = 4 << 20;
/** Below the streams: both windows and their acknowledgements. A peer that asks and does not read is cut here. */
export const MAX_CONNECTION_BUFFER_BYTES = 8 << 20;

/**
 * Frames that wait below the streams for a socket that takes no more. Each is an answer of 12 bytes, and some 300 in memory, to
 * something that the peer said; an honest one reads in between.
 */
export const MAX_QUEUED_FRAMES = 4_096;

/** Longest time that a close waits for what was written before. */
export const END_MS = 500;
/** Refusals of strangers are told once in so long, with their number: a stranger does not fill the log. */
export const NOTICE_MS = 1_000;

/** An announcement is made anew so often, and believed for three times as long: one missed write is no disappearance. */
export const ANNOUNCE_MS = 20_000;
export const ANNOUNCEMENT_LIFE_MS = 3 * ANNOUNCE_MS;
