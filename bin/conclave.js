#!/usr/bin/env node
/** The one command. */
import { withNode } from "./node-version.js";

await withNode("conclave", async (argv) => (await import("./conclave.ts")).start(argv));
