/**
 * The thread that custody lives in: it opens the vault and the journal itself, so that no secret ever exists outside of it.
 * First message in: where its files are. First message out: this node's public identity. Second in: the cluster's settings.
 */
import { randomBytes } from "node:crypto";
import { parentPort, type MessagePort } from "node:worker_threads";
import { assert } from "@conclave/bytes";
import type { RosterEntry } from "@conclave/consensus";
import {
  createIdentity,
  Custody,
  hasIdentity,
  loadIdentity,
  rosterEntry,
  serveCustody,
  VaultError,
  type CustodySettings,
  type Vault,
} from "@conclave/custody";
import { JournalLocked, openJournal } from "@conclave/journal-sqlite";
import { createVault, openVault } from "@conclave/vault-file";
import { engine } from "./engine.ts";
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
}

export type ThreadAnswer =
  | { readonly entry: RosterEntry }
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
  let vault: Vault | null = null;
  let place: CustodyPlace | null = null;
  const answer = (message: ThreadAnswer): void => port.postMessage(message);
  const guarded = (work: () => ThreadAnswer): void => {
    try {
      answer(work());
    } catch (error) {
      const inUse = error instanceof JournalLocked || (error instanceof VaultError && error.code === "locked");
      answer({ failed: error instanceof Error ? error.message : String(error), inUse });
    }
  };
  port.once("message", (first: CustodyPlace) => {
    guarded(() => {
      place = first;
      vault = openNodeVault(first);
      const identity =
        first.create && !hasIdentity(vault) ? createIdentity(engine, vault, rng) : loadIdentity(engine, vault);
      return { entry: rosterEntry(identity, first.name) };
    });
    port.once("message", (settings: CustodySettings) => {
      guarded(() => {
        assert(vault !== null && place !== null, "the vault opens before the journal");
        const journal = openJournal({ file: place.journalFile, create: place.create });
        const custody = new Custody({
          engine,
          vault,
          journal,
          rng,
          schemes: schemesOf(engine),
          settings,
        });
        serveCustody(custody, {
          post: (message) => port.postMessage(message),
          onMessage: (handler) => void port.on("message", handler),
        });
        return { opened: true };
      });
    });
  });
}

if (parentPort !== null) serve(parentPort);
