/** `conclave audit export|verify`: a node's audit log as a file, and what such a file proves, with no node at hand. */
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { exportLines } from "@conclave/node";
import { Command, CommanderError } from "commander";
import { apiAddress } from "../cluster/api-address.ts";
import { resolveConfig, type ResolvedConfig } from "../cluster/config.ts";
import { historyOf } from "../cluster/history.ts";
import { nodeFolderAt, readCharter } from "../cluster/node-folder.ts";
import { readPrivate } from "../cluster/private-files.ts";
import { AUDIT_PATH } from "../http/operator-routes.ts";
import { auditExport, auditVerify } from "./commands.ts";
import { ExportFailed } from "./export.ts";
import { linesOf } from "./verify.ts";

/** As in the wallet command. `failed`: the file is not whole, or could not be finished. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** What was typed or configured is wrong; everything else went wrong in doing it. */
const isUsage = (error: unknown): boolean =>
  error instanceof ExportFailed
    ? error.code === "target"
    : error instanceof Error && (error.name === "ConfigWrong" || error.name === "FileUnusable");

/** A log that is read slowly is long, but its first line comes at once. */
const FIRST_LINE_MS = 10_000;

/** Resolves with the exit code; never throws. `argv` begins with `export` or `verify`. */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("conclave audit").exitOverride();
  // Subcommands inherit it.
  program.showHelpAfterError('"conclave audit --help" shows what there is.');
  program
    .command("export")
    .description("write the audit log of a node, running or stopped, to a new file that anybody can check")
    .requiredOption("--config <file>", "its config.json")
    .requiredOption("--out <file>", "a file that does not exist yet")
    .action(async ({ config, out }: { readonly config: string; readonly out: string }) => {
      await exportFrom(resolveConfig(config, process.env), out);
    });
  program
    .command("verify")
    .description("check an exported audit log offline: whether it is whole, and how far others confirmed it")
    .argument("<file>", 'as "conclave audit export" wrote it')
    .option("--charter <file>", "the charter of your own node: the log has to be of its cluster")
    .option("--json", "print the verdict as JSON")
    .action(async (file: string, flags: { readonly charter?: string; readonly json?: true }) => {
      code = await auditVerify({ file, ...flags }, console.log);
    });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    console.error(`conclave: ${error instanceof Error ? error.message : String(error)}`);
    return isUsage(error) ? EXIT.usage : EXIT.failed;
  }
}

/** Asks the node if it runs; a stopped one's history is opened. */
async function exportFrom({ config, base }: ResolvedConfig, out: string): Promise<number> {
  const path = (file: string): string => resolve(base, file);
  const live = await answerOf(config, path);
  if (live !== null) return auditExport({ exported: linesOf(Readable.fromWeb(live as never)), out }, console.log);
  const folder = nodeFolderAt(path(config.data));
  const { roster } = readCharter(folder.charterFile).charter;
  const node = roster.nodes.find(({ name }) => name === config.name);
  if (node === undefined) throw new Error(`the charter in ${folder.root} names no node ${config.name}`);
  const { openStore } = await import("@conclave/store-sql");
  const store = await openStore(historyOf(config, folder.root, path));
  try {
    return await auditExport({ exported: exportLines({ node: node.id, roster }, store.audit), out }, console.log);
  } finally {
    await store.close();
  }
}

/** Null if nothing listens where the node would. Throws what a node answers that does not give its log. */
async function answerOf(
  config: ResolvedConfig["config"],
  path: (file: string) => string,
): Promise<ReadableStream<Uint8Array> | null> {
  const address = apiAddress(config);
  const tokenFile = config.api_token_file;
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), FIRST_LINE_MS);
  const response = await fetch(`http://${address}${AUDIT_PATH}`, {
    redirect: "error",
    signal: patience.signal,
    headers: { authorization: `Bearer ${readPrivate(path(tokenFile)).trim()}` },
  }).catch((error: unknown) => {
    const cause = error instanceof Error ? error.cause : null;
    if (cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED") return null;
    throw new Error(`the node at ${address} does not answer: stop it, or try again`, { cause: error });
  });
  clearTimeout(timer);
  if (response === null) return null;
  if (!response.ok || response.body === null)
    throw new Error(`${address} answered ${response.status}: is it this node, and ${tokenFile} its token?`);
  return response.body;
}
