/** What a node keeps, and where: one folder, which no other node of the cluster ever sees. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CodecError } from "@conclave/bytes";
import {
  checkCard,
  checkSignatures,
  signedCardCodec,
  signedCharterCodec,
  unsignedBy,
  type Charter,
  type NodeId,
  type PeerCard,
  type SignedCard,
  type SignedCharter,
} from "@conclave/consensus";
import { engine } from "../engine.ts";
import { FileUnusable, writePrivate } from "./private-files.ts";
import { parseToken, printToken } from "./tokens.ts";

export interface NodeFolder {
  readonly root: string;
  readonly networkKeysFile: string;
  /** ca.crt, node.crt, node.key. */
  readonly certificatesDir: string;
  readonly charterFile: string;
  readonly cardsDir: string;
}

export const nodeFolderAt = (root: string): NodeFolder => ({
  root,
  networkKeysFile: join(root, "network-keys"),
  certificatesDir: join(root, "certificates"),
  charterFile: join(root, "charter"),
  cardsDir: join(root, "cards"),
});

/** Who the cluster is and how its nodes are reached, as every one of them signed it. */
export interface Membership {
  readonly charter: Charter;
  /** By node, this one included. */
  readonly cards: ReadonlyMap<NodeId, PeerCard>;
}

export const isFounded = ({ charterFile }: NodeFolder): boolean => existsSync(charterFile);

/** The charter last: with it, the node belongs to a cluster. */
export function writeMembership(folder: NodeFolder, charter: SignedCharter, cards: readonly SignedCard[]): void {
  for (const card of cards) writeCard(folder, card);
  writePrivate(folder.charterFile, printToken("charter", signedCharterCodec.encode(charter)));
}

/** In place of the node's earlier card. Throws `FileUnusable` for one that is older than what is there. */
export function writeCard(folder: NodeFolder, signed: SignedCard): void {
  mkdirSync(folder.cardsDir, { recursive: true, mode: 0o700 });
  const file = join(folder.cardsDir, `${signed.card.name}.card`);
  if (existsSync(file)) {
    const { card } = readCard(file);
    if (card.node === signed.card.node && card.serial > signed.card.serial)
      throw new FileUnusable(
        `${file} is card ${card.serial} of ${card.name}, and newer than card ${signed.card.serial}`,
      );
  }
  writePrivate(file, printToken("card", signedCardCodec.encode(signed)));
}

/** Throws `FileUnusable` naming the file. */
export const readCard = (file: string): SignedCard =>
  readToken(file, (text) => signedCardCodec.decode(parseToken("card", text)));

export const readCharter = (file: string): SignedCharter =>
  readToken(file, (text) => signedCharterCodec.decode(parseToken("charter", text)));

/** A charter that every one of its nodes signed. Throws `FileUnusable` naming the file, and whoever has not signed. */
export function readWholeCharter(file: string): SignedCharter {
  const signed = readCharter(file);
  const missing = unsignedBy(signed);
  if (missing.length > 0)
    throw new FileUnusable(`${file} is not signed by ${missing.join(", ")}: use the whole charter`);
  try {
    checkSignatures(engine, signed);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new FileUnusable(`${file} is no charter of a cluster: ${cause.message}`, { cause });
  }
  return signed;
}

function readToken<T>(file: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const why = missing
      ? "is not there"
      : cause instanceof Error
        ? `cannot be read: ${cause.message}`
        : "cannot be read";
    throw new FileUnusable(`${file} ${why}`, { cause });
  }
}

/**
 * What the folder says of the cluster, with every signature verified. Throws `FileUnusable` while a signature or a card is
 * missing, naming whose.
 */
export function readMembership(folder: NodeFolder): Membership {
  const signed = readCharter(folder.charterFile);
  const missing = unsignedBy(signed);
  if (missing.length > 0)
    throw new FileUnusable(`${folder.charterFile} is not signed by ${missing.join(", ")}: add their signatures first`);
  const { charter } = signed;
  const cards = existsSync(folder.cardsDir)
    ? readdirSync(folder.cardsDir)
        .filter((name) => name.endsWith(".card"))
        .map((name) => readCard(join(folder.cardsDir, name)))
    : [];
  try {
    checkSignatures(engine, signed);
    const checked = new Map(cards.map((card) => [card.card.node, checkCard(engine, charter.roster, card)]));
    const absent = charter.roster.nodes.filter(({ id }) => !checked.has(id)).map(({ name }) => name);
    if (absent.length > 0)
      throw new FileUnusable(
        `the cards of ${absent.join(", ")} are missing in ${folder.cardsDir}: ask their operators`,
      );
    return { charter, cards: checked };
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new FileUnusable(`${folder.root}: ${cause.message}`, { cause });
  }
}
