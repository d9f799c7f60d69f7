/** Keys of the cluster: those that there are, and those that are being made. */
import { z } from "zod";
import { account, hexKeyId, nodeNumber, requestId } from "./fields.ts";
import { strictFields } from "./strict.ts";

const KEY_NAME = "name must be 1 to 32 lower-case letters, digits or - _, and begin with a letter or digit";

const keyName = z.string({ error: KEY_NAME }).regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, { error: KEY_NAME });

const ONE_KIND = "Give either name, for a key for messages, or account, for the wallet's key of that account";

/** `POST /api/v1/keys`: a key for messages, or the wallet's. A name or an account means one key: asked for again, it is the same. */
export const keyRequest = strictFields({
  name: keyName.optional().describe("Of a key for messages: tells people which key is which"),
  account: account.optional().describe("Of the wallet: the account that the key is to hold"),
}).refine((body) => (body.name === undefined) !== (body.account === undefined), { error: ONE_KIND });

export type KeyRequest = z.output<typeof keyRequest>;

const scheme = z.string().max(32).describe("How its nodes sign, such as dkls23-secp256k1");
const purpose = z.string().max(32).describe("messages, or wallet/ and the network that its coins are on");
const name = keyName.nullable().describe("What it was asked for under; null for a key of the wallet");

export const key = z.object({
  id: hexKeyId,
  name,
  scheme,
  purpose,
  account: account.nullable().describe("The account of the wallet that it holds; null for a key for messages"),
  public_key: z
    .string()
    .regex(/^0[23][0-9a-f]{64}$/)
    .describe("Compressed"),
  threshold: z.number().int().min(2).max(32).describe("Shares needed for a signature"),
  quorum: z.number().int().min(2).max(32).describe("Votes needed for an approval"),
  epoch: z.number().int().min(0).describe("How often its shares were renewed"),
  members: z.array(nodeNumber).max(32).describe("Nodes that hold shares, ascending"),
  edges: z.boolean().describe("Whether each two of them share a secret, which can die and be made anew"),
  presignatures: z
    .number()
    .int()
    .min(0)
    .max(1_024)
    .describe("Prepared signatures of which this node has a part; each is used once, and gone when the node stops"),
});

export type Key = z.output<typeof key>;

export const keyUnderWay = z.object({
  request: requestId,
  name,
  scheme,
  purpose,
  state: z.enum(["making", "failed"]),
  reason: z.string().nullable().describe("Why it failed; null otherwise"),
});

export type KeyUnderWay = z.output<typeof keyUnderWay>;

/** A cluster has few keys: always one page, in the shape of every other list. */
export const keyPage = z.object({
  items: z.array(key).max(512).describe("Active keys that the node holds a share of"),
  under_way: z.array(keyUnderWay).max(512).describe("Keys that were asked for and are not there"),
  next_cursor: z.null(),
});

export type KeyPage = z.output<typeof keyPage>;

/** Sessions of one request, which run at once. */
export const MAX_PRESIGNATURES = 20;

const COUNT = `count must be a whole number from 1 to ${MAX_PRESIGNATURES}`;

/** `POST /api/v1/keys/:id/presignatures`. */
export const presignRequest = strictFields({
  count: z.number({ error: COUNT }).int({ error: COUNT }).min(1, { error: COUNT }).max(MAX_PRESIGNATURES, {
    error: COUNT,
  }),
});

export type PresignRequest = z.output<typeof presignRequest>;

export const presigning = z.object({
  request: requestId,
  key_id: hexKeyId,
  count: z.number().int().min(1).max(MAX_PRESIGNATURES).describe("How many were asked for"),
});

export type Presigning = z.output<typeof presigning>;

export const requestedKey = z.object({
  request: requestId,
  name,
  account: account.nullable().describe("Null for a key for messages"),
  state: z.enum(["making", "made", "failed"]),
  key_id: hexKeyId.nullable().describe("Null while it is made"),
});

export type RequestedKey = z.output<typeof requestedKey>;
