/** A node in a process of its own, for tests that kill or stop it: echoes every frame. Arguments as one line of JSON. */
import { parseNodeId } from "@conclave/consensus";
import { openNode, peersOf, type TestNode } from "./cluster.ts";

const { self, nodes, mode, listen } = JSON.parse(process.argv[2]!, (_, value: unknown) =>
  typeof value === "object" && value !== null && "hex" in value
    ? Uint8Array.from(Buffer.from(String(value.hex), "hex"))
    : value,
) as { self: TestNode; nodes: TestNode[]; mode: "quic" | "tls"; listen: string };

parseNodeId(self.id);
const open = await openNode(self, mode, peersOf(self, nodes), { listen });
await open.transport.start({
  frame: (from, frame) => open.transport.send(from, frame),
  link: () => {},
});
process.send?.({ address: open.address() });
// Whoever started it is gone: nobody is left to echo for.
process.on("disconnect", () => process.exit());
