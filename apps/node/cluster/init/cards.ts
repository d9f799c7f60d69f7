/** Cards at an operator: the node's own, and those that the others sent. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CodecError, equalBytes } from "@conclave/bytes";
import { checkCard, signedCardCodec, verifyCard, type NodeId, type SignedCard } from "@conclave/consensus";
import type { PreparedCustody } from "../../custody-host.ts";
import { engine } from "../../engine.ts";
import { introduce } from "../founding.ts";
import { isFounded, readCard, readCharter, writeCard, type NodeFolder } from "../node-folder.ts";
import { FileUnusable, writePrivate } from "../private-files.ts";
import { printToken } from "../tokens.ts";
import { checkFindable, checkReachable, reachable } from "./endpoints.ts";
import { openNodeDir, withCustody, type Lines, type NodeDir } from "./node-dir.ts";

export const cardFile = ({ publicDir, config }: NodeDir): string => join(publicDir, `${config.name}.card`);

/** The node's newest card. Throws `FileUnusable` if it was not made yet, or is another node's. */
export function ownCard(node: NodeDir): SignedCard {
  const file = cardFile(node);
  if (!existsSync(file))
    throw new FileUnusable(`${file} is not there: finish "conclave init node --dir ${node.dir}" first`);
  return readSigned(file);
}

/** Cards with good signatures. Throws `FileUnusable` naming the file. */
export const readCards = (files: readonly string[]): readonly SignedCard[] => files.map(readSigned);

function readSigned(file: string): SignedCard {
  const card = readCard(file);
  if (!verifyCard(engine, card))
    throw new FileUnusable(
      `${file} is not signed by the node that it speaks of: ask ${card.card.name}'s operator again`,
    );
  return card;
}

/** One card per node: of two, the newer. Throws `FileUnusable` for two that contradict each other, or two nodes of one name. */
export function newestCards(cards: readonly SignedCard[]): readonly SignedCard[] {
  const byNode = new Map<NodeId, SignedCard>();
  for (const signed of cards) {
    const known = byNode.get(signed.card.node);
    if (known === undefined || isNewer(signed, known)) byNode.set(signed.card.node, signed);
  }
  const found = [...byNode.values()];
  const twice = found.find(({ card }, i) => found.findIndex((other) => other.card.name === card.name) !== i);
  if (twice !== undefined)
    throw new FileUnusable(
      `two nodes call themselves ${twice.card.name}: one card is of a node that was given up, or of a stranger. Ask its operator`,
    );
  return found;
}

/** Throws `FileUnusable` for two cards of one number that say different things. */
function isNewer(signed: SignedCard, known: SignedCard): boolean {
  const { name, serial } = signed.card;
  if (serial === known.card.serial && !isSame(signed, known))
    throw new FileUnusable(
      `${name} signed two different cards with number ${serial}: its operator runs "conclave init card", and sends the new one`,
    );
  return serial > known.card.serial;
}

const isSame = (a: SignedCard, b: SignedCard): boolean =>
  equalBytes(signedCardCodec.encode(a), signedCardCodec.encode(b));

/** Keep it among the cards of the cluster's nodes. False if it is there already. Throws `FileUnusable` for an older one. */
export function keepCard(folder: NodeFolder, signed: SignedCard): boolean {
  const { name, node } = signed.card;
  const file = join(folder.cardsDir, `${name}.card`);
  if (existsSync(file)) {
    const known = readCard(file);
    if (known.card.node !== node)
      throw new FileUnusable(
        `${file} is of another node called ${name}: if its operator made the node anew, move the file away and try again`,
      );
    if (!isNewer(signed, known) && signed.card.serial === known.card.serial) return false;
  }
  writeCard(folder, signed);
  return true;
}

/** `init add-card`: take in what peers changed. */
export function addCards(dir: string, files: readonly string[]): Lines {
  const node = openNodeDir(dir);
  const cards = readCards(files);
  const charter = isFounded(node.folder) ? readCharter(node.folder.charterFile).charter : null;
  const { cluster } = ownCard(node).card;
  for (const signed of cards) {
    const { card } = signed;
    if (charter !== null) checkMember(charter.roster, signed);
    else if (card.cluster !== cluster)
      throw new FileUnusable(`${card.name}'s card is for the cluster ${card.cluster}, and this node is of ${cluster}`);
  }
  if (charter !== null) checkReachable(charter.transport, cards);
  const lines = newestCards(cards).map((signed) => {
    const { name, serial } = signed.card;
    return keepCard(node.folder, signed) ? `card ${serial} of ${name} taken in` : `card ${serial} of ${name} was there`;
  });
  return charter === null ? lines : [...lines, "a running node reads its cards when it starts again"];
}

/** Throws `FileUnusable` unless the card is of a node that the roster names as it is. */
export function checkMember(roster: Parameters<typeof checkCard>[1], signed: SignedCard): void {
  try {
    checkCard(engine, roster, signed);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new FileUnusable(cause.message, { cause });
  }
}

/** Sign a card over what the node's settings and keys are now, and put it where it can be sent from. */
export async function issueCard(
  node: NodeDir,
  custody: PreparedCustody,
  { cluster, serial }: { readonly cluster: string; readonly serial: number },
): Promise<SignedCard> {
  return introduce(node.folder, custody, { cluster, serial, endpoints: reachable(node.config) });
}

export const writeOwnCard = (node: NodeDir, signed: SignedCard): void =>
  writePrivate(cardFile(node), printToken("card", signedCardCodec.encode(signed)));

/** `init card`: a card with a higher number, after an address or a key changed. */
export async function renewCard(dir: string): Promise<Lines> {
  const node = openNodeDir(dir);
  const before = ownCard(node);
  checkFindable(node.config);
  const { cluster, serial } = before.card;
  const signed = await withCustody(node, ({ custody }) => issueCard(node, custody, { cluster, serial: serial + 1 }));
  if (signed.card.node !== before.card.node)
    throw new FileUnusable(`${cardFile(node)} is of another node than the vault: put the node's own files back`);
  if (isSame({ ...signed, card: { ...signed.card, serial }, signature: before.signature }, before))
    return [`card ${serial} still says all there is: ${cardFile(node)}`];
  const { folder } = node;
  if (isFounded(folder)) {
    checkReachable(readCharter(folder.charterFile).charter.transport, [signed]);
    keepCard(folder, signed);
  }
  writeOwnCard(node, signed);
  return [
    `card ${serial + 1} of ${node.config.name}: ${cardFile(node)}`,
    "send it to every other operator, who takes it in with: conclave init add-card --dir DIR CARD",
  ];
}
