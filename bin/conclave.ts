/** Nodes, the relay, parties and the wallet command are separate programs: only the one that is asked for is loaded. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

/** Run the command; resolves with the exit code. */
export async function start(argv: readonly string[]): Promise<number> {
  // Beside the code itself and not in a folder that other users can write to.
  enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "conclave"));
  const [command = "", ...rest] = argv;
  if (command === "up" || command === "node") {
    const { main } = await import("../apps/node/main.ts");
    return main(argv);
  }
  if (command === "relay") {
    const { main } = await import("../apps/relay/index.ts");
    return main(rest);
  }
  const { main } = await import("../apps/cli/index.ts");
  return main(argv);
}
