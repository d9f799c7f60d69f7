/** `conclave evidence verify FILE`: judges exported evidence with no node, no network and no secret at hand. */
import { readFileSync, statSync } from "node:fs";
import { toHex } from "@conclave/bytes";
import { rosterHash } from "@conclave/consensus";
import {
  EvidenceFileRefused,
  MAX_EVIDENCE_FILE_BYTES,
  NOT_PROVEN,
  printedCase,
  verifyEvidenceFile,
  type VerifiedEvidence,
} from "@conclave/custody";
import { Command, CommanderError } from "commander";
import { readWholeCharter } from "../cluster/node-folder.ts";
import { engine } from "../engine.ts";
import { schemesOf } from "../schemes.ts";

/** As in the wallet command. `failed`: the file does not prove what it says, or is not of the cluster asked about. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** What was typed was wrong, or names a file that is not what it has to be. */
const USAGE: ReadonlySet<string> = new Set(["WrongUsage", "FileUnusable"]);

/** What was typed cannot be read. The message names it. */
class WrongUsage extends Error {
  override readonly name = "WrongUsage";
}

/** The file is sound, and about another roster than the charter's. */
class OtherRoster extends Error {
  override readonly name = "OtherRoster";
}

interface VerifyFlags {
  readonly charter?: string;
  readonly json?: true;
}

/** Resolves with the exit code; never throws. `argv` begins with `verify`. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("conclave evidence").exitOverride();
  // Subcommands inherit it.
  program.showHelpAfterError('"conclave evidence --help" shows what there is.');
  program
    .command("verify")
    .description("judge a file of evidence offline: who did what, where, and what it does not prove")
    .argument("<file>", 'as "conclave cluster evidence --out FILE" wrote it')
    .option("--charter <file>", "the charter of your own node: the file has to be about its roster")
    .option("--json", "print the verdict as JSON")
    .action((file: string, flags: VerifyFlags) => verify(file, flags));
  try {
    await program.parseAsync([...argv], { from: "user" });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
    const isUsage = USAGE.has(name);
    const exitCode = isUsage ? EXIT.usage : EXIT.failed;
    const problem = error instanceof EvidenceFileRefused ? `evidence-${error.code}` : isUsage ? "usage" : "failed";
    const told = { error: { problem, detail: message, exit_code: exitCode } };
    console.error(argv.includes("--json") ? JSON.stringify(told) : `conclave: ${message}`);
    return exitCode;
  }
}

function verify(file: string, { charter, json }: VerifyFlags): void {
  const found = verifyEvidenceFile({ engine, schemes: schemesOf(engine) }, readText(file));
  if (charter !== undefined) compareWith(charter, found);
  console.log(
    json === true ? JSON.stringify(verdictOf(found, charter !== undefined)) : inWords(found, charter !== undefined),
  );
}

function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MAX_EVIDENCE_FILE_BYTES)
      throw new WrongUsage(`${file} has ${size} bytes: a file of evidence has at most ${MAX_EVIDENCE_FILE_BYTES}`);
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof WrongUsage) throw cause;
    throw new WrongUsage(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Throws unless the charter is signed by all of its nodes and names the file's roster. */
function compareWith(charterFile: string, found: VerifiedEvidence): void {
  const { charter } = readWholeCharter(charterFile);
  if (toHex(rosterHash(charter.roster)) === toHex(found.rosterHash)) return;
  throw new OtherRoster(
    `the evidence proves itself under another roster than that of ${charterFile}: it says nothing about your nodes`,
  );
}

/** With a charter to compare with, the roster is the cluster's. */
const notProven = (compared: boolean): readonly string[] =>
  NOT_PROVEN.filter((sentence) => !compared || !sentence.startsWith("That this roster"));

const verdictOf = (
  { roster, rosterHash: hash, exporter, exportedAtMs, cases }: VerifiedEvidence,
  compared: boolean,
) => ({
  valid: true,
  cluster: roster.cluster,
  roster_hash: toHex(hash),
  roster_compared: compared,
  exported_by: exporter,
  exported_at: new Date(exportedAtMs).toISOString(),
  cases: cases.map(printedCase),
  does_not_prove: notProven(compared),
});

function inWords(found: VerifiedEvidence, compared: boolean): string {
  const { roster, rosterHash: hash, exporter, exportedAtMs, cases } = found;
  return [
    `Evidence of the cluster ${roster.cluster}, roster ${toHex(hash).slice(0, 16)}…${compared ? ", as in your charter" : ""}`,
    `Exported by ${exporter} at ${new Date(exportedAtMs).toISOString()}: ${cases.length} proven`,
    ...cases.map(
      ({ name, kind, description, seenAtMs }, i) =>
        `${i + 1}. ${name}, ${kind}: ${description}. First seen by ${exporter} at ${new Date(seenAtMs).toISOString()}.`,
    ),
    "What it does not prove:",
    ...notProven(compared).map((sentence) => `- ${sentence}`),
  ].join("\n");
}
