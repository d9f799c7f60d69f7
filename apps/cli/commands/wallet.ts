import { ACCOUNTS, type Account } from "@conclave/api";
import { printSats } from "../amount.ts";
import { openReader } from "../connection.ts";
import type { Action } from "../context.ts";
import { EXIT, usageError } from "../exit.ts";
import { cell, renderList } from "../output.ts";

export interface AccountOption {
  readonly account?: string;
}

/** What `--account` names. Throws `CliError` (usage). */
export function parseAccount(typed: string): Account {
  const account = ACCOUNTS.find((known) => known === typed);
  if (account === undefined) throw usageError(`"${typed}" is no account: there are ${ACCOUNTS.join(" and ")}.`);
  return account;
}

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
        ...balance.accounts.map(
          ({ account, kind, spendable_sats }) =>
            [`In ${account}`, cell(`${printSats(spendable_sats)} spendable, ${kind}`)] as const,
        ),
        ["Network", cell(`${balance.network}, block ${balance.height}`)],
      ],
      look,
    ),
  );
  return EXIT.ok;
};

/** `wallet address`. */
export const showAddress: Action<AccountOption> = async ({ settings, out }, { account }) => {
  const shown = await openReader(settings).address(account === undefined ? {} : { account: parseAccount(account) });
  out.result(shown, (look) =>
    renderList(
      [
        ["Address", cell(shown.address, "good")],
        ["Network", cell(shown.network)],
        ["Account", cell(`${shown.account}, ${shown.kind}`)],
        ["Key", cell(`${shown.key_id} / ${shown.path}`)],
      ],
      look,
    ),
  );
  return EXIT.ok;
};
