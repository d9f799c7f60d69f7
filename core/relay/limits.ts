/** What one sender, one address and everybody together may leave with a relay. Each has a reason and can be set. */

export interface MailroomLimits {
  /** Bytes that one sender's key may have stored: sixteen of the largest messages. */
  readonly senderBytes: number;
  /** Messages that one sender's key may have stored: a busy party has some hundred under way. */
  readonly senderMessages: number;
  /** Bytes in one mailbox. They all go to one asker at once, and have to fit in what its connection buffers. */
  readonly mailboxBytes: number;
  /** Bytes stored in all: what a small machine can spare. */
  readonly bytes: number;
  /** Messages stored in all: bounds what surrounds small messages in memory. */
  readonly messages: number;
  /** Questions waiting for answers on one connection. A peer relay asks for all its own clients on one. */
  readonly connectionAsks: number;
  /** Questions waiting in all. */
  readonly asks: number;
  /**
   * How much of `bytes`, `messages` and `asks` one source (an address) may take, from 0 to 1: keys cost a stranger nothing, and
   * with this one machine alone cannot fill a relay.
   */
  readonly sourceShare: number;
  /** Senders that one source may introduce in a second: checking this many new keys takes a twentieth of a processor. */
  readonly newSendersPerSecond: number;
  /** A message or question that wants to be kept longer is kept this long. */
  readonly ttlSeconds: number;
}

export const DEFAULT_LIMITS: MailroomLimits = {
  senderBytes: 16 << 20,
  senderMessages: 4_096,
  mailboxBytes: 8 << 20,
  bytes: 256 << 20,
  messages: 65_536,
  connectionAsks: 16_384,
  asks: 131_072,
  sourceShare: 0.5,
  newSendersPerSecond: 64,
  // The longest that a header can say (header.ts).
  ttlSeconds: 653_050,
};
