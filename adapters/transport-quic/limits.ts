/** What strangers and slow networks may cost, and how long anything may take. */
import { MAX_NODES } from "@conclave/consensus";

/** Agreed in the TLS handshake, so that nothing else is taken for a node. Raised when nodes could not talk to older ones. */
export const ALPN = "conclave/1";

/** Document 004's port. */
export const DEFAULT_PORT = 9_000;

/**
 * From the first packet to proven identities. Longer than the 3 s after which QUIC gives up closing, so that the reason of a
 * refusal still arrives.
 */
export const HANDSHAKE_MS = 4_500;

/**
 * Connections that have not proven who they are, in all. At some 60 kB each, a flood of strangers costs about 15 MB.
 */
export const MAX_UNPROVEN = 256;

/** The same for one address: a whole cluster behind it may dial at once, twice. */
export const MAX_UNPROVEN_PER_ADDRESS = 2 * MAX_NODES;

/** Our end was said; whatever is still on its way has so long, then the connection is cut. */
export const LINGER_MS = 1_000;

/** Refusals that are reported in a minute. The rest is counted: a stranger shall not fill the log's disk. */
export const MAX_REPORTS_PER_MINUTE = 60;
