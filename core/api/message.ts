/** Messages to be signed with a key of the cluster, and their signatures. */
import { z } from "zod";
import { hexKeyId, nodeNumber, requestId, timestamp, utf8Length } from "./fields.ts";
import { strictFields } from "./strict.ts";
import { votes } from "./transaction.ts";

/** Longest message, in bytes. Longer ones would have to be voted on by people who cannot read them anyway. */
export const MAX_MESSAGE_BYTES = 65_536;

/** How a message becomes the 32 bytes that are signed. */
export const MESSAGE_HASHES = ["sha256", "sha256d", "keccak256"] as const;

export type MessageHash = (typeof MESSAGE_HASHES)[number];

const messageHash = z.enum(MESSAGE_HASHES, { error: `hash must be ${MESSAGE_HASHES.join(", ")}` });

const TOO_LONG = `must be at most ${MAX_MESSAGE_BYTES} bytes: sign a text that names its hash instead`;

const ONE_OF = "Give exactly one of message (text), message_hex (bytes) and digest (32 bytes that are a hash already)";

/** `POST /api/v1/messages`. */
export const messageRequest = strictFields({
  key_id: hexKeyId,
  message: z
    .string({ error: "message must be text: send bytes as message_hex" })
    .refine((text) => (utf8Length(text) ?? Infinity) <= MAX_MESSAGE_BYTES, {
      error: `message must be well-formed UTF-8, and ${TOO_LONG}`,
    })
    .optional()
    .describe("Text; its UTF-8 bytes are hashed and signed"),
  message_hex: z
    .string({ error: "message_hex must be hexadecimal text" })
    .max(2 * MAX_MESSAGE_BYTES, { error: `message_hex ${TOO_LONG}` })
    .regex(/^(?:[0-9a-fA-F]{2})*$/, { error: "message_hex must be pairs of hexadecimal digits" })
    .optional()
    .describe("The same as bytes"),
  digest: z
    .string({ error: "digest must be hexadecimal text" })
    .regex(/^[0-9a-fA-F]{64}$/, { error: "digest must be 32 bytes, 64 hexadecimal digits" })
    .optional()
    .describe("A hash to be signed as it is; nodes refuse it unless their operators allow it"),
  hash: messageHash.optional().describe("How the message is hashed: sha256 if left out"),
})
  .refine(({ message, message_hex, digest }) => [message, message_hex, digest].filter(isGiven).length === 1, {
    error: ONE_OF,
  })
  .refine(({ digest, hash }) => digest === undefined || hash === undefined, {
    path: ["hash"],
    error: "hash is for messages: a digest is signed as it is",
  });

export type MessageRequest = z.output<typeof messageRequest>;

const isGiven = (value: unknown): boolean => value !== undefined;

/** Every state of a message, and whether nothing follows unless its signature turns up all the same. */
export const MESSAGE_STATES = {
  pending: { final: false },
  voting: { final: false },
  approved: { final: false },
  signing: { final: false },
  signed: { final: true },
  rejected: { final: true },
  failed: { final: true },
  expired: { final: true },
} as const satisfies Readonly<Record<string, { readonly final: boolean }>>;

export type MessageState = keyof typeof MESSAGE_STATES;

export const message = z.object({
  id: requestId,
  state: z
    .enum(Object.keys(MESSAGE_STATES) as [MessageState, ...MessageState[]])
    .describe("Where the message is in its life"),
  key_id: hexKeyId,
  hash: messageHash.nullable().describe("Null for a digest that was given as such"),
  message_bytes: z.number().int().min(0).nullable().describe("Length of the message; null for a digest"),
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("The 32 bytes that the signature is of"),
  signature: z
    .string()
    .regex(/^[0-9a-f]{128}$/)
    .nullable()
    .describe("r and s, 32 bytes each, s in the lower half; null before it is signed"),
  recovery_id: z.number().int().min(0).max(3).nullable().describe("Which of up to four public keys fits: bit 0 odd y"),
  public_key: z
    .string()
    .regex(/^0[23][0-9a-f]{64}$/)
    .nullable()
    .describe("Compressed; what verifies the signature"),
  votes,
  signers: z.array(nodeNumber).max(32).describe("Nodes that signed, ascending; empty before"),
  created_at: timestamp,
  signed_at: timestamp.nullable(),
  reason: z.string().nullable().describe("Why it was refused or failed; null otherwise"),
});

export type Message = z.output<typeof message>;
