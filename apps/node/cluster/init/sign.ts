/** `init sign`: an operator looks at the charter, compares it with the cards that the others sent, and has the node sign it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { equalBytes } from "@conclave/bytes";
import { charterHash, checkQuorums, entryOf, type Charter, type SignedCard } from "@conclave/consensus";
import { agree } from "../founding.ts";
import { isFounded, readCharter } from "../node-folder.ts";
import { FileUnusable } from "../private-files.ts";
import { checkMember, keepCard, newestCards, ownCard, readCards } from "./cards.ts";
import { checkReachable, checkRelays } from "./endpoints.ts";
import { describeCharter, fingerprintOf, grouped, isFingerprint } from "./fingerprint.ts";
import { openNodeDir, withCustody, type Lines, type NodeDir } from "./node-dir.ts";
import { readSignature, writeSignature } from "./signature-file.ts";
import { WrongUsage } from "./wrong-usage.ts";

export interface SigningWish {
  readonly dir: string;
  readonly draft: string;
  readonly cards: readonly string[];
  /** Do not ask; then the fingerprint has to be said. */
  readonly yes: boolean;
  readonly fingerprint?: string;
  readonly say: (line: string) => void;
}

export const signatureFile = ({ publicDir, config }: NodeDir): string => join(publicDir, `${config.name}.signature`);

/** Throws `WrongUsage`, `FileUnusable`, `PasswordMissing`, `CustodyNotOpened` or `InUse`. Signs nothing then. */
export async function signDraft(wish: SigningWish): Promise<Lines> {
  const node = openNodeDir(wish.dir);
  const own = ownCard(node);
  const { charter } = readCharter(wish.draft);
  checkNumbers(charter, wish.draft);
  const cards = membersOf(charter, newestCards([own, ...readCards(wish.cards)]), own);
  checkReachable(charter.transport, cards);
  checkRelays(charter, node.config, node.configFile);
  checkNotFounded(node, charter);
  const file = signatureFile(node);
  const wasSigned = existsSync(file);
  if (wasSigned) checkSame(file, charter);
  for (const line of describeCharter(charter)) wish.say(line);
  await confirm(charter, wish);
  if (!wasSigned) {
    const signature = await withCustody(node, ({ custody }) => agree(custody, charter));
    writeSignature(file, { charter: charterHash(charter), node: own.card.node, signature });
  }
  for (const card of cards) keepCard(node.folder, card);
  return [
    `${wasSigned ? "Signed before" : "Signed"}: ${file}`,
    "Send it to every other operator. With the signatures of all: conclave init finish --dir DIR DRAFT SIGNATURE…",
  ];
}

function checkNumbers({ roster, threshold, quorum }: Charter, draft: string): void {
  try {
    checkQuorums({ n: roster.nodes.length, t: threshold, q: quorum });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new FileUnusable(`${draft}: ${cause.message}`, { cause });
  }
}

/** The cards of exactly the charter's nodes, each as its operator sent it. Throws `FileUnusable`. */
function membersOf(charter: Charter, cards: readonly SignedCard[], own: SignedCard): readonly SignedCard[] {
  const { roster } = charter;
  if (entryOf(roster, own.card.node) === undefined)
    throw new FileUnusable(`the charter does not name this node, ${own.card.name}: its author needs its card`);
  for (const card of cards) checkMember(roster, card);
  const missing = roster.nodes.filter(({ id }) => !cards.some(({ card }) => card.node === id));
  if (missing.length > 0)
    throw new FileUnusable(
      `the charter names ${missing.map(({ name }) => name).join(", ")}, of whom no card was given: ` +
        "ask their operators, and not the charter's author",
    );
  return cards;
}

function checkNotFounded({ folder }: NodeDir, charter: Charter): void {
  if (!isFounded(folder)) return;
  const { charter: founded } = readCharter(folder.charterFile);
  if (!equalBytes(charterHash(founded), charterHash(charter)))
    throw new FileUnusable(
      `${folder.root} is of a cluster already, by the charter ${fingerprintOf(founded)}: a node is of one cluster only`,
    );
}

/** Throws `FileUnusable` for a signature on another charter: a node found in two clusters would serve neither. */
export function checkSame(file: string, charter: Charter): void {
  const { charter: hash } = readSignature(file);
  if (!equalBytes(hash, charterHash(charter)))
    throw new FileUnusable(
      `${file} signs another charter (${grouped(hash)}): if all operators gave that one up, move the file away`,
    );
}

/** Throws `WrongUsage` unless the operator agrees to this very charter. */
async function confirm(charter: Charter, { yes, fingerprint }: SigningWish): Promise<void> {
  if (fingerprint !== undefined && !isFingerprint(charter, fingerprint))
    throw new FileUnusable(
      `this charter's fingerprint is ${fingerprintOf(charter)}, and not the one given: do not sign it, and ask who wrote it`,
    );
  if (yes) {
    if (fingerprint !== undefined) return;
    throw new WrongUsage("--yes needs --fingerprint with what the other operators read out");
  }
  if (!process.stdin.isTTY)
    throw new WrongUsage("there is no terminal to ask at: add --yes and --fingerprint with what the others read out");
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({
    message: "Do all operators read out this fingerprint, and do you agree?",
    initialValue: false,
  });
  if (isCancel(answer) || !answer) throw new FileUnusable("the charter was not signed");
}
