#!/usr/bin/env node
/** The one command. Nodes and the wallet command are separate programs: only the one that is asked for is loaded. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

const NEEDED_MAJOR = 24;

process.exitCode = await start(process.argv.slice(2));

async function start(argv: readonly string[]): Promise<number> {
  const { node } = process.versions;
  if (Number(node.split(".")[0]) < NEEDED_MAJOR) {
    console.error(
      `conclave needs Node.js ${NEEDED_MAJOR} or later; this is ${node}. In the project's folder, "npm start" and "npx conclave" use the right one, which "npm install" put there.`,
    );
    return 2;
  }
  // Beside the code itself and not in a folder that other users can write to.
  enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "conclave"));
  if (argv[0] === "up" || argv[0] === "node") {
    const { main } = await import("../apps/node/main.ts");
    return (await main(argv)) ?? 0;
  }
  const { main } = await import("../apps/cli/index.ts");
  return main(argv);
}
