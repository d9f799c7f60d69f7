/** The second node's process: every frame goes back. */
import { echoing } from "@conclave/node/testing";
import { openEnd, type Setup } from "./ends.ts";

const transport = await openEnd(JSON.parse(process.argv[2]!) as Setup, 1);
await transport.start(echoing(transport));
process.once("disconnect", () => process.exit(0));
process.send!("ready");
