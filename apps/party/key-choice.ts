/** Which key of a party is meant. */
import type { HeldKey, PartyKeys } from "@conclave/party";
import { CommandError, EXIT } from "./exit.ts";

/** The key of this name; the only one if none was named. Throws `CommandError` naming those that there are. */
export function chooseKey(keys: PartyKeys, name: string | undefined): HeldKey {
  const active = keys.all().filter(({ certificates }) => certificates !== null);
  const names = active.map(({ invite }) => invite.name).join(", ");
  const found = name === undefined ? active : active.filter(({ invite }) => invite.name === name);
  const [key, more] = found;
  if (key !== undefined && more === undefined) return key;
  const unfinished = keys.all().filter(({ certificates }) => certificates === null);
  if (active.length === 0)
    throw new CommandError(
      EXIT.notReady,
      "no-key",
      unfinished.length > 0
        ? `The key "${unfinished[0]!.invite.name}" is not finished: run "conclave party keygen" again with its invite, at every party.`
        : 'This party has no key yet: "conclave party keygen INVITE" makes one with the others.',
    );
  throw new CommandError(
    EXIT.usage,
    "which-key",
    key === undefined
      ? `There is no key "${name}" here: there are ${names}.`
      : `There are several keys (${names}): choose one with --key NAME.`,
  );
}
