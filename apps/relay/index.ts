export { main } from "./main.ts";
export { startRelay } from "./relay.ts";
export type { Relay, RelayStats } from "./relay.ts";
export { InUse, WrongUsage } from "./options.ts";
export type { ListenAddress, PeerOptions, RelayOptions, ServiceLimits } from "./options.ts";
