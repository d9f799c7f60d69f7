/** `init finish`: with everybody's signature, the charter becomes the node's own, and the node belongs to the cluster. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CodecError, equalBytes } from "@conclave/bytes";
import {
  charterHash,
  checkSignatures,
  entryOf,
  unsignedBy,
  type Charter,
  type NodeId,
  type SignedCard,
  type SignedCharter,
} from "@conclave/consensus";
import { engine } from "../../engine.ts";
import { needsCertificate } from "../child-founding.ts";
import { isFounded, readCard, readCharter, readMembership, writeMembership } from "../node-folder.ts";
import { FileUnusable } from "../private-files.ts";
import { checkMember, newestCards, ownCard } from "./cards.ts";
import { fingerprintOf, grouped } from "./fingerprint.ts";
import { openNodeDir, type Lines, type NodeDir } from "./node-dir.ts";
import { readSignature, type CharterSignature } from "./signature-file.ts";
import { signatureFile } from "./sign.ts";

export interface FinishWish {
  readonly dir: string;
  readonly draft: string;
  readonly signatures: readonly string[];
}

/** Throws `FileUnusable` saying what is missing, by name; nothing is written then. */
export function finish({ dir, draft, signatures: files }: FinishWish): Lines {
  const node = openNodeDir(dir);
  const { folder } = node;
  const { charter } = readCharter(draft);
  if (isFounded(folder)) checkFounded(node, charter);
  const own = signatureFile(node);
  if (!existsSync(own)) throw new FileUnusable(`${own} is not there: run "conclave init sign --dir ${dir}" first`);
  const signed = signedBy(
    charter,
    [own, ...files].map((file) => ({ file, signature: readSignature(file) })),
  );
  if (!isFounded(folder)) writeMembership(folder, signed, cardsOf(node, charter));
  const membership = readMembership(folder);
  return [
    `${node.config.name} belongs to the cluster ${charter.roster.cluster}: all ${membership.cards.size} nodes signed ${fingerprintOf(charter)}`,
    ...certificateMissing(node, charter),
    `Look whether all is well: conclave config check ${node.configFile}`,
    `Start it:                 conclave node --config ${node.configFile}`,
  ];
}

interface Given {
  readonly file: string;
  readonly signature: CharterSignature;
}

/** Throws `FileUnusable` unless everybody signed this charter, naming who did not or what is wrong with whose. */
function signedBy(charter: Charter, given: readonly Given[]): SignedCharter {
  const hash = charterHash(charter);
  const byNode = new Map<NodeId, Uint8Array>();
  for (const { file, signature: one } of given) {
    const entry = entryOf(charter.roster, one.node);
    if (entry === undefined)
      throw new FileUnusable(`${file} is of a node that the charter does not name: leave it out`);
    if (!equalBytes(one.charter, hash))
      throw new FileUnusable(
        `${file}: ${entry.name} signed another charter (${grouped(one.charter)}) than this one (${fingerprintOf(charter)}): ` +
          "everybody signs the same draft",
      );
    byNode.set(one.node, one.signature);
  }
  const signatures = charter.roster.nodes.flatMap(({ id: node }) => {
    const signature = byNode.get(node);
    return signature === undefined ? [] : [{ node, signature }];
  });
  const signed: SignedCharter = { charter, signatures };
  try {
    checkSignatures(engine, signed);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    throw new FileUnusable(cause.message, { cause });
  }
  const missing = unsignedBy(signed);
  if (missing.length > 0)
    throw new FileUnusable(
      `the signatures of ${missing.join(", ")} are missing: ask their operators, and give the files here`,
    );
  return signed;
}

/** Those that were checked when the node signed, or newer ones that came since. Throws `FileUnusable` for one too few or too many. */
function cardsOf(node: NodeDir, { roster }: Charter): readonly SignedCard[] {
  const { cardsDir } = node.folder;
  const files = existsSync(cardsDir) ? readdirSync(cardsDir).filter((name) => name.endsWith(".card")) : [];
  const cards = files.map((name) => readCard(join(cardsDir, name)));
  const stray = cards.find(({ card }) => entryOf(roster, card.node) === undefined);
  if (stray !== undefined)
    throw new FileUnusable(
      `${cardsDir} holds a card of ${stray.card.name}, a node that the charter does not name: move it away`,
    );
  const newest = newestCards([ownCard(node), ...cards]);
  for (const card of newest) checkMember(roster, card);
  const missing = roster.nodes.filter(({ id }) => !newest.some(({ card }) => card.node === id));
  if (missing.length > 0)
    throw new FileUnusable(
      `the cards of ${missing.map(({ name }) => name).join(", ")} are missing: run "conclave init add-card --dir ${node.dir} CARD…"`,
    );
  return newest;
}

function checkFounded({ folder }: NodeDir, charter: Charter): void {
  const { charter: founded } = readCharter(folder.charterFile);
  if (!equalBytes(charterHash(founded), charterHash(charter)))
    throw new FileUnusable(`${folder.charterFile} is another charter, ${fingerprintOf(founded)}: it stays as it is`);
}

function certificateMissing({ folder, publicDir, config, dir }: NodeDir, { transport }: Charter): Lines {
  if (!needsCertificate(transport) || existsSync(join(folder.certificatesDir, "node.crt"))) return [];
  return [
    `Missing: ${config.name}'s certificate. Send ${join(publicDir, `${config.name}.csr`)} to whoever keeps the authority, then`,
    `         conclave certs node --install FILE --dir ${dir} --ca CA_CERTIFICATE`,
  ];
}
