export { DialRefused } from "./refusal.ts";
export type { DialProblem } from "./refusal.ts";
export type { Libp2pEvent } from "./events.ts";
export { PROTOCOL } from "./limits.ts";
export { peerIdOf } from "./peer-id.ts";
export { PeerRegistry, RegistryRefused } from "./registry.ts";
export type { Announcer, PeerRegistryOptions, Sought } from "./registry.ts";
export { openLibp2pTransport } from "./transport.ts";
export type { Libp2pOptions, Libp2pPeer, Libp2pTransport } from "./transport.ts";
