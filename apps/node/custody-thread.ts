/**
 * The thread that custody lives in: it opens the vault and the journal itself, so that no secret ever exists outside of it.
 * First message in: where its files are. First message out: this node's public identity. Then, while a cluster is founded, its
 * card and the charter to be signed. Last the cluster's settings, after which only custody's own calls cross.
 */
import { randomBytes } from "node:crypto";
import { parentPort, type MessagePort } from "node:worker_threads";
import { assert, equalBytes } from "@conclave/bytes";
import {
  charterCodec,
  entryOf,
  peerCardCodec,
  signCard,
  signCharter,
  type Charter,
  type PeerCard,
  type RosterEntry,
} from "@conclave/consensus";
import {
  createIdentity,
  Custody,
  hasIdentity,
  loadIdentity,
  rosterEntry,
  serveCustody,
  VaultError,
  type CustodySettings,
  type Identity,
  type Vault,
} from "@conclave/custody";
import { JournalLocked, openJournal } from "@conclave/journal-sqlite";
import { createVault, openVault } from "@conclave/vault-file";
import { engine } from "./engine.ts";
import { measuredJournal, SyncTimes } from "./observe/sync-times.ts";
import { schemesOf } from "./schemes.ts";

/** Where a node's secrets and promises are. */
export interface CustodyPlace {
  readonly name: string;
  readonly vaultDir: string;
  readonly journalFile: string;
  /** Opens the vault. Crosses into this thread once and is not kept. */
  readonly password: string;
  /** Make identity, vault and journal if they are not there: a node's very first start. */
  readonly create: boolean;
  /** Where the times of the journal's writes are counted, for whoever looks at the node from outside. */
  readonly journalTimes?: SharedArrayBuffer;
}

/** What the thread is asked between its first message and the settings. */
export type ThreadQuestion =
  /** To be signed by this node's identity: encoded `PeerCard` or `Charter`. */
  { readonly sign: "card" | "charter"; readonly bytes: Uint8Array } | { readonly settings: CustodySettings };

export type ThreadAnswer =
  | { readonly entry: RosterEntry }
  | { readonly signature: Uint8Array }
  | { readonly opened: true }
  /** `inUse`: another process holds the vault or the journal. */
  | { readonly failed: string; readonly inUse: boolean };

const rng = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** With `create`, a vault whose making was cut off is made again: it holds nothing until its header is there. */
function openNodeVault({ vaultDir: dir, password, create }: CustodyPlace): Vault {
  if (!create) return openVault({ dir, password });
  try {
    return createVault({ dir, password });
  } catch (error) {
    if (error instanceof VaultError && error.code === "exists") return openVault({ dir, password });
    throw error;
  }
}

function serve(port: MessagePort): void {
  const answer = (message: ThreadAnswer): void => port.postMessage(message);
  /** Answers with what `work` gives, or with what went wrong. False if it went wrong. */
  const guarded = (work: () => ThreadAnswer): boolean => {
    try {
      answer(work());
      return true;
    } catch (error) {
      const inUse = error instanceof JournalLocked || (error instanceof VaultError && error.code === "locked");
      answer({ failed: error instanceof Error ? error.message : String(error), inUse });
      return false;
    }
  };
  port.once("message", (place: CustodyPlace) => {
    guarded(() => {
      const vault = openNodeVault(place);
      const identity =
        place.create && !hasIdentity(vault) ? createIdentity(engine, vault, rng) : loadIdentity(engine, vault);
      const ask = (question: ThreadQuestion): void => {
        if ("sign" in question) return void guarded(() => ({ signature: signFounding(identity, place, question) }));
        port.off("message", ask);
        guarded(() => openCustody(port, { place, vault, settings: question.settings }));
      };
      port.on("message", ask);
      return { entry: rosterEntry(identity, place.name) };
    });
  });
}

/** Only what names this very node: its own card, or a charter that has it as it is. */
function signFounding(
  identity: Identity,
  { name }: CustodyPlace,
  { sign, bytes }: Extract<ThreadQuestion, { sign: unknown }>,
): Uint8Array {
  const own = rosterEntry(identity, name);
  if (sign === "card") {
    const card: PeerCard = peerCardCodec.decode(bytes);
    assert(isEntry(card.node, card, own), "a node signs its own card");
    return signCard(identity.envelope, card).signature;
  }
  const charter: Charter = charterCodec.decode(bytes);
  const entry = entryOf(charter.roster, own.id);
  assert(entry !== undefined && isEntry(entry.id, entry, own), "a node signs a charter that names it");
  return signCharter(identity.envelope, charter);
}

const isEntry = (id: string, { name, voteKey }: Omit<RosterEntry, "id">, own: RosterEntry): boolean =>
  id === own.id && name === own.name && equalBytes(voteKey, own.voteKey);

function openCustody(
  port: MessagePort,
  { place, vault, settings }: { place: CustodyPlace; vault: Vault; settings: CustodySettings },
): ThreadAnswer {
  const opened = openJournal({ file: place.journalFile, create: place.create });
  const journal =
    place.journalTimes === undefined ? opened : measuredJournal(opened, new SyncTimes(place.journalTimes));
  const custody = new Custody({ engine, vault, journal, rng, schemes: schemesOf(engine), settings });
  serveCustody(custody, {
    post: (message) => port.postMessage(message),
    onMessage: (handler) => void port.on("message", handler),
  });
  return { opened: true };
}

if (parentPort !== null) serve(parentPort);
