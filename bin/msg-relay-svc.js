#!/usr/bin/env node
/** `conclave relay` under the name that document 002 has for it. */
import { withNode } from "./node-version.js";

await withNode("msg-relay-svc", async (argv) => (await import("./conclave.ts")).start(["relay", ...argv]));
