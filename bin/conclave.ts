/** Nodes, the relay, parties and the wallet command are separate programs: only the one that is asked for is loaded. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

type Main = (argv: readonly string[]) => Promise<number>;

const nodes: Main = async (argv) => (await import("../apps/node/main.ts")).main(argv);

/** Programs beside the wallet command, by the first word. */
const PROGRAMS: Readonly<Record<string, Main>> = {
  up: nodes,
  node: nodes,
  relay: async ([, ...rest]) => (await import("../apps/relay/index.ts")).main(rest),
  party: async ([, ...rest]) => (await import("../apps/party/index.ts")).main(rest),
};

/** Run the command; resolves with the exit code. */
export async function start(argv: readonly string[]): Promise<number> {
  // Beside the code itself and not in a folder that other users can write to.
  enableCompileCache(join(import.meta.dirname, "..", "node_modules", ".cache", "conclave"));
  const [command = ""] = argv;
  const program = Object.hasOwn(PROGRAMS, command) ? PROGRAMS[command] : undefined;
  if (program !== undefined) return program(argv);
  const { main } = await import("../apps/cli/index.ts");
  return main(argv);
}
