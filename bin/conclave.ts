/** Nodes and the wallet command are separate programs: only the one that is asked for is loaded. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

/** Run the command; resolves with the exit code. */
export async function start(argv: readonly string[]): Promise<number> {
  // Beside the code itself and not in a folder that other users can write to.
  enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "conclave"));
  if (argv[0] === "up" || argv[0] === "node") {
    const { main } = await import("../apps/node/main.ts");
    return main(argv);
  }
  const { main } = await import("../apps/cli/index.ts");
  return main(argv);
}
