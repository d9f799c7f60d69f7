/** Nodes, the relay, parties and the wallet command are separate programs: only the one that is asked for is loaded. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

type Main = (argv: readonly string[]) => Promise<number>;

const nodes: Main = async (argv) => (await import("../apps/node/main.ts")).main(argv);

const operators: Main = async (argv) => (await import("../apps/node/cluster/init/main.ts")).main(argv);

/** Programs beside the wallet command, by the first word. */
const PROGRAMS: Readonly<Record<string, Main>> = {
  up: nodes,
  node: nodes,
  init: operators,
  certs: operators,
  doctor: operators,
  audit: async ([, ...rest]) => (await import("../apps/node/audit/main.ts")).main(rest),
  evidence: async ([, ...rest]) => (await import("../apps/node/evidence/main.ts")).main(rest),
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
  if (namesFile(argv)) return operators(argv);
  const asked = helpAsked(argv);
  if (asked !== null) return PROGRAMS[asked[0]!]!(asked);
  const { main } = await import("../apps/cli/index.ts");
  return main(argv);
}

/** Options of the wallet command that a value follows, wherever they stand. */
const WITH_VALUE: ReadonlySet<string> = new Set(["--api-endpoint", "--output", "--data"]);

/** Whether it is the configuration of a node that is asked about, and not the wallet command's own. */
function namesFile([command, action = "", ...rest]: readonly string[]): boolean {
  if (command !== "config" || !["check", "show"].includes(action)) return false;
  return rest.some((word, i) => !word.startsWith("-") && !WITH_VALUE.has(rest[i - 1] ?? ""));
}

/**
 * `help audit export` and `--data x audit export --help` as `audit export --help`: the help of another program needs none of
 * the wallet command's options. Null for everything else.
 */
function helpAsked(argv: readonly string[]): readonly string[] | null {
  const words = argv.filter((word, i) => !word.startsWith("-") && !WITH_VALUE.has(argv[i - 1] ?? ""));
  const named = words[0] === "help" ? words.slice(1) : words;
  const isAsked = words[0] === "help" || argv.includes("--help") || argv.includes("-h");
  return isAsked && Object.hasOwn(PROGRAMS, named[0] ?? "") ? [...named, "--help"] : null;
}
