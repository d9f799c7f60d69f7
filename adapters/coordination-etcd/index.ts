export { bothCoordinations } from "./both.ts";
export { etcdCoordination } from "./coordination.ts";
export type { EtcdCoordination, EtcdStatus } from "./coordination.ts";
export { EtcdLied, EtcdMisconfigured, EtcdRefused, EtcdUnreachable } from "./errors.ts";
export type { EtcdState } from "./health.ts";
export type { EtcdTls } from "./http.ts";
export { lookAtEtcd } from "./look.ts";
export type { EtcdLook } from "./look.ts";
export type { EtcdCredentials, EtcdIntervals, EtcdOptions, EtcdReport } from "./options.ts";
