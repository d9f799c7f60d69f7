/** `info`: this party's card and keys. Makes the party at its first use. */
import { factsOf, printCard, type HeldKey, type PartyKeys } from "@conclave/party";
import type { Action } from "../context.ts";
import { hasData, openOrCreateData } from "../data.ts";
import { EXIT } from "../exit.ts";
import { DEFAULT_RELAY } from "../settings.ts";
import { keyJson, keyLines } from "../shown.ts";

interface InfoOptions {
  readonly card?: true;
}

export const info: Action<InfoOptions> = async ({ settings, out }, { card: onlyCard }) => {
  const isNew = !hasData(settings);
  const data = await openOrCreateData(settings);
  try {
    const { identity, keys } = data;
    if (isNew)
      out.log(
        "info",
        `made party ${identity.card.party} in ${settings.data}; keep its password: nobody can give it back`,
      );
    const card = printCard(identity);
    if (onlyCard) {
      out.word({ card }, card);
      return EXIT.ok;
    }
    const held = keys.all();
    const relays = settings.relays ?? [DEFAULT_RELAY];
    const value = {
      party: identity.card.party,
      card,
      data: settings.data,
      relays,
      threads: { asked: settings.threads, used: 1 },
      keys: held.map((key) => ({
        ...keyJson(factsOf(keys.groupOf(key), key)),
        lost: keys.dead(key).map(({ peer, reason }) => ({ party: peer, reason })),
      })),
    };
    out.result(value, [
      ["Party", String(identity.card.party)],
      ["Card", card],
      ["Data", settings.data],
      ["Relays", `${relays.join(", ")}  (for new invites; a key keeps those of its own)`],
      ["Threads", `1 in use (${settings.threads} asked for): a party computes on one`],
      ...(held.length === 0 ? [["Keys", "none yet"] as const] : held.flatMap((key) => linesOf(keys, key))),
    ]);
    return EXIT.ok;
  } finally {
    data.close();
  }
};

function linesOf(keys: PartyKeys, key: HeldKey): readonly (readonly [string, string])[] {
  const facts = factsOf(keys.groupOf(key), key);
  const state = facts.isActive
    ? "active"
    : 'unfinished: run "conclave party keygen" again with its invite, at every party';
  const lost = keys
    .dead(key)
    .map(({ peer, reason }) => ["Lost", `signs with party ${peer} no more: ${reason}`] as const);
  return [...keyLines(facts), ["State", state], ...lost];
}
