/** What the wallet holds and where to pay it. */
import { z } from "zod";
import { account, ACCOUNTS, address, height, keyId, network, sats } from "./fields.ts";
import { strictFields } from "./strict.ts";

const kind = z.enum(["p2tr", "p2wpkh"]).describe("Output type: p2tr is signed by FROST, p2wpkh by threshold ECDSA");

const amounts = {
  confirmed_sats: sats.describe("All coins in blocks, in satoshis"),
  unconfirmed_sats: sats.describe("Coins on their way to us, not yet in a block"),
  locked_sats: sats.describe("Confirmed coins held by payments under way"),
  immature_sats: sats.describe("Confirmed coins from mining that cannot be spent yet"),
  spendable_sats: sats.describe("What a payment can use now, its fee included: confirmed less locked less immature"),
};

export const accountBalance = z.object({ account, kind, ...amounts });

export const balance = z.object({
  network,
  ...amounts,
  accounts: z
    .array(accountBalance)
    .max(ACCOUNTS.length)
    .describe("The same by account. The sums above are over all of them, and a payment spends from one"),
  height: height.describe("Bitcoin block height that this was read at"),
});

export type Balance = z.output<typeof balance>;

/** `GET /api/v1/wallet/address`. */
export const addressQuery = strictFields(
  { account: account.optional().describe("Of which account; taproot if left out") },
  "query parameter",
);

export const walletAddress = z.object({
  address: address.describe("Pay here: the next address that nobody has paid to yet"),
  network,
  account,
  kind,
  path: z
    .string()
    .regex(/^\d+(?:\/\d+)*$/)
    .describe("Derivation below the group key, such as 0/3"),
  key_id: keyId,
});

export type WalletAddress = z.output<typeof walletAddress>;
