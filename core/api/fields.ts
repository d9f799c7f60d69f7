/** Fields that several messages share. On the wire: snake_case names, whole satoshis as JSON numbers, times in RFC 3339. */
import { utf8 } from "@conclave/bytes";
import { z } from "zod";

/** 21 million BTC in satoshis: exact as a JSON number, and nothing above it can be paid. */
export const MAX_AMOUNT_SATS = 2_100_000_000_000_000;

/** OP_RETURN carries at most this many bytes under the relay policy that every node accepts. */
export const MAX_METADATA_BYTES = 80;

const WHOLE_SATS =
  "must be whole satoshis as a JSON number without quotes or decimals, such as 50000 (1 BTC is 100000000)";

/** An amount that somebody asks us to pay: 1 satoshi to 21 million BTC. */
export const paidSats = z
  .number({ error: `amount_sats ${WHOLE_SATS}` })
  .int({ error: `amount_sats ${WHOLE_SATS}: satoshis cannot be divided` })
  .min(1, { error: "amount_sats must be at least 1: there is nothing to pay" })
  .max(MAX_AMOUNT_SATS, { error: `amount_sats must be at most ${MAX_AMOUNT_SATS}: more will never exist` })
  .describe("Amount to pay, in satoshis");

/** An amount that a node reports, in satoshis. */
export const sats = z.number().int().min(0).max(MAX_AMOUNT_SATS);

const FEE_RATE = "fee_rate must be a number of sat/vB above 0 with at most three decimals, such as 2.5";

/** Satoshis per virtual byte, at most three decimals (thousandths are the unit inside). */
export const feeRate = z
  .number({ error: FEE_RATE })
  .min(0.001, { error: FEE_RATE })
  .max(100_000_000, { error: `${FEE_RATE}; 100000000 sat/vB (1 BTC/vB) is the most` })
  .refine((rate) => /^\d+(?:\.\d{1,3})?$/.test(String(rate)), { error: FEE_RATE })
  .describe("Fee rate in sat/vB, at most three decimals");

/** Bytes of well-formed text, or undefined for text with half of a surrogate pair, which UTF-8 cannot hold. */
export const utf8Length = (value: string): number | undefined =>
  /\p{Surrogate}/u.test(value) ? undefined : utf8(value).length;

export const metadata = z
  .string({ error: "metadata must be text" })
  .min(1, { error: "metadata is empty: leave the field out instead" })
  .refine((value) => (utf8Length(value) ?? Infinity) <= MAX_METADATA_BYTES, {
    error: `metadata must be at most ${MAX_METADATA_BYTES} bytes of well-formed UTF-8: it goes into the transaction itself`,
  })
  .describe(`Public note, stored in the Bitcoin transaction for ever; at most ${MAX_METADATA_BYTES} bytes of UTF-8`);

/**
 * A Bitcoin address as far as its letters go; whether it is one, and of this network, the node says. Longest is bech32's
 * limit (BIP173: 90 characters).
 */
export const address = z
  .string({ error: "recipient must be a Bitcoin address, as text" })
  .regex(/^[0-9A-Za-z]{14,90}$/, { error: "recipient must be a Bitcoin address: 14 to 90 letters and digits" })
  .describe("Bitcoin address on the wallet's network");

/** Identifies a request inside Conclave: the hash of its content. The Bitcoin transaction has an id of its own. */
export const txid = z
  .string()
  .regex(/^[0-9a-f]{64}$/, {
    error: "txid must be 64 lower-case hexadecimal digits, as POST /api/v1/transactions returned it",
  })
  .describe("Conclave's id of the payment, 64 hexadecimal digits");

/** Fewest digits of a payment's id that name it: as many as logs and consoles print. */
export const SHORTEST_TXID = 8;

/** A payment's id, or enough of its beginning that no other payment's begins so. */
export const namedTxid = z
  .string()
  .regex(new RegExp(`^[0-9a-f]{${SHORTEST_TXID},64}$`), {
    error: `txid must be 64 lower-case hexadecimal digits, or the first ${SHORTEST_TXID} or more of them`,
  })
  .describe(
    `Conclave's id of the payment, or its first ${SHORTEST_TXID} digits or more if no other payment's begins so`,
  );

/** Id of a Bitcoin transaction as explorers print it. */
export const bitcoinTxid = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: "the id of a Bitcoin transaction is 64 lower-case hexadecimal digits" })
  .describe("Bitcoin transaction id as explorers print it");

/** RFC 3339 in UTC, milliseconds allowed: 2026-01-20T12:00:00.000Z. */
export const timestamp = z.iso.datetime().describe("Time in UTC, RFC 3339");

/** A node's place in the roster: 1 to 32. Also its party number in sessions. */
export const nodeNumber = z.number().int().min(1).max(32).describe("The node's place in the roster, from 1");

/** A node's name in the roster. */
export const nodeName = z.string().regex(/^[a-z0-9_-]{1,32}$/);

export const network = z.enum(["mainnet", "testnet", "testnet4", "signet", "regtest"]).describe("Bitcoin network");

/** A group key's id. */
export const keyId = z
  .string()
  .regex(/^[0-9a-f]{8,64}$/)
  .describe("Key id, hexadecimal");

/** A group key's id, whole: what requests name a key by. */
export const hexKeyId = z
  .string({ error: "a key id is hexadecimal text" })
  .regex(/^[0-9a-f]{64}$/, { error: 'a key id is 64 lower-case hexadecimal digits, as "conclave keys" shows them' })
  .describe("Key id, 64 hexadecimal digits");

/** Id of a request that is no payment. */
export const requestId = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: "an id is 64 lower-case hexadecimal digits, as the node returned it" })
  .describe("Conclave's id of the request, 64 hexadecimal digits");

/** Accounts of the wallet: each has a key of its own, and a payment spends from one. */
export const ACCOUNTS = ["taproot", "segwit"] as const;

export type Account = (typeof ACCOUNTS)[number];

export const account = z
  .enum(ACCOUNTS, { error: `account must be ${ACCOUNTS.join(" or ")}` })
  .describe("taproot: signed by FROST; segwit: P2WPKH, signed by threshold ECDSA");

/** Height of the cluster's ledger or of the Bitcoin chain; which one, the field's description says. */
export const height = z.number().int().min(0);
