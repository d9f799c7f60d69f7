/** A node in a process of its own, for tests that kill or stop it: echoes every frame. */
import { echoing } from "@conclave/node/testing";
import { openNode, peersOf } from "./cluster.ts";
import { readSetup } from "./peer-setup.ts";

const { self, nodes, mode, listen } = readSetup(process.argv[2]!);
const open = await openNode(self, mode, peersOf(self, nodes), { listen });
await open.transport.start(echoing(open.transport));
process.send!({ address: open.address() });
process.on("message", () => process.send!({ rss: process.memoryUsage().rss }));
// Whoever started it is gone: nobody is left to echo for.
process.on("disconnect", () => process.exit());
