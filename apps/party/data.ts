/** A party's data folder: one vault, under one password, used by one command at a time. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Rng } from "@conclave/bytes";
import type { Vault } from "@conclave/custody";
import { hasIdentity, openIdentity, PartyKeys, type PartyIdentity } from "@conclave/party";
import { createVault, openVault } from "@conclave/vault-file";
import { engine, schemes } from "./engine.ts";
import { CommandError, EXIT, usageError } from "./exit.ts";
import { readPassword } from "./password.ts";
import { requireParty, type Settings } from "./settings.ts";

export const rng: Rng = (length) => new Uint8Array(randomBytes(length));

export interface PartyData {
  readonly identity: PartyIdentity;
  readonly keys: PartyKeys;
  close(): void;
}

const vaultFolder = ({ data }: Settings): string => join(data, "vault");

/** Whether there is a party's data already. */
export const hasData = (settings: Settings): boolean => existsSync(join(vaultFolder(settings), "vault.header"));

/** The party's data. Throws `CommandError`, or `VaultError` for a wrong password or a folder in use. */
export async function openData(settings: Settings): Promise<PartyData> {
  const party = requireParty(settings);
  if (!hasData(settings))
    throw new CommandError(
      EXIT.notReady,
      "no-identity",
      `There is no party in ${settings.data} yet: "conclave party info" makes one and prints its card. If it is elsewhere, set DEST.`,
    );
  const password = await readPassword(settings.passwordFile, { isNew: false });
  return loadData(openVault({ dir: vaultFolder(settings), password }), party);
}

/** The same, made now if there is none. */
export async function openOrCreateData(settings: Settings): Promise<PartyData> {
  const party = requireParty(settings);
  if (hasData(settings)) return openData(settings);
  const password = await readPassword(settings.passwordFile, { isNew: true });
  return loadData(createVault({ dir: vaultFolder(settings), password }), party);
}

function loadData(vault: Vault, party: ReturnType<typeof requireParty>): PartyData {
  try {
    const identity = identityIn(vault, party);
    const keys = new PartyKeys({ engine, store: vault, schemes });
    return {
      identity,
      keys,
      close() {
        keys.close();
        vault.close();
      },
    };
  } catch (error) {
    vault.close();
    throw error;
  }
}

function identityIn(vault: Vault, party: ReturnType<typeof requireParty>): PartyIdentity {
  try {
    return openIdentity(engine, vault, party, rng);
  } catch (cause) {
    if (!(cause instanceof RangeError) || !hasIdentity(vault)) throw cause;
    throw usageError(
      `${cause.message[0]!.toUpperCase()}${cause.message.slice(1)}: set PARTY_ID as it was, or DEST to another folder.`,
      { cause },
    );
  }
}
