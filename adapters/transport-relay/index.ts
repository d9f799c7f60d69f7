export { connectRelay, MAX_RELAYS, RelayClient } from "./client.ts";
export type {
  Answer,
  AskTerms,
  ClientLimits,
  LetterTerms,
  OwnAddress,
  PublishTerms,
  RelayClientOptions,
  RelayMode,
  RelayNotice,
  Subscription,
} from "./client.ts";
export { systemClock } from "./clock.ts";
export { ABORT_TAG, abortRun, collect, MAX_ABORT_CODE, watchAborts } from "./collect.ts";
export type { CollectTerms, Run } from "./collect.ts";
export { Aborted, AskExpired, BadMessage, ClientClosed, RelayRefused, RelayUnreachable, Stalled } from "./errors.ts";
export { DEFAULT_LINK_TIMINGS } from "./link/link.ts";
export type { LinkTimings } from "./link/link.ts";
export { PUBLISH_PATIENCE_MS } from "./outbox.ts";
export { systemPlatform } from "./platform.ts";
export type { Platform, RelaySocket, SocketEvents } from "./platform.ts";
export { openRelayTransport } from "./transport.ts";
export type { RelayPeer, RelayTransportNotice, RelayTransportOptions } from "./transport.ts";
export { RunFailed, runSession } from "./run/run-session.ts";
export type { RunOptions } from "./run/run-session.ts";
