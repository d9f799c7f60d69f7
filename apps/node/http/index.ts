export { DEFAULT_LIMITS } from "./options.ts";
export type { HttpLimits, HttpLog, HttpOptions, OperatorView } from "./options.ts";
export { PortUnavailable } from "./problems.ts";
export { startHttp } from "./server.ts";
export type { HttpServer } from "./server.ts";
