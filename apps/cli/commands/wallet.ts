import { printSats } from "../amount.ts";
import { openReader } from "../connection.ts";
import type { Action } from "../context.ts";
import { EXIT } from "../exit.ts";
import { cell, renderList } from "../output.ts";

/** `wallet balance`. */
export const showBalance: Action = async ({ settings, out }) => {
  const balance = await openReader(settings).balance();
  out.result(balance, (look) =>
    renderList(
      [
        ["Spendable", cell(printSats(balance.spendable_sats), "good")],
        ["Held by payments", cell(printSats(balance.locked_sats))],
        ["Unconfirmed", cell(printSats(balance.unconfirmed_sats))],
        ["Immature", cell(printSats(balance.immature_sats))],
        ["Confirmed in all", cell(printSats(balance.confirmed_sats))],
        ["Network", cell(`${balance.network}, block ${balance.height}`)],
      ],
      look,
    ),
  );
  return EXIT.ok;
};

/** `wallet address`. */
export const showAddress: Action = async ({ settings, out }) => {
  const shown = await openReader(settings).address();
  out.result(shown, (look) =>
    renderList(
      [
        ["Address", cell(shown.address, "good")],
        ["Network", cell(shown.network)],
        ["Kind", cell(shown.kind)],
        ["Key", cell(`${shown.key_id} / ${shown.path}`)],
      ],
      look,
    ),
  );
  return EXIT.ok;
};
