#!/usr/bin/env node
/** `conclave party` under the name that document 002 has for it. */
import { withNode } from "./node-version.js";

await withNode("dkls-party", async (argv) => (await import("./conclave.ts")).start(["party", ...argv]));
