/** Messages, the keys that sign them, and the edges between nodes, as the HTTP API shows them. */
import { ServiceError, type InputOf, type Message, type NodeService } from "@conclave/api";
import { hashMessage } from "@conclave/bitcoin";
import { fromHex, toHex, utf8 } from "@conclave/bytes";
import {
  ACCOUNTS,
  MESSAGE_SCHEME,
  parseRequestId,
  type KeyListing,
  type MessageContent,
  type StoredMessage,
} from "@conclave/node";
import { ascending, iso, votesOf, type Names, type ServiceParts } from "./service-answers.ts";
import { translated } from "./service-problems.ts";

/** As many as one answer holds. */
const MAX_KEYS = 512;

type SigningService = Pick<NodeService, "createMessage" | "message" | "keys" | "createKey" | "presign" | "rekey">;

/** The part of the service that moves no coins. */
export function signingService(parts: ServiceParts, names: Names): SigningService {
  const { node, store, roster } = parts;
  const { nodeNumber } = names;
  const showMessage = (row: StoredMessage): Promise<Message> => messageOf(parts, row, names);

  return {
    createMessage: ({ body, idempotencyKey }) =>
      translated(async () => {
        const content = contentOf(body);
        const id = await node.signMessage({ key: fromHex(body.key_id), content, idempotencyKey });
        return showMessage((await store.messages.get(id))!);
      }),

    message: ({ id }) =>
      translated(async () => {
        const row = await store.messages.get(parseRequestId(id));
        if (row === undefined) throw new ServiceError("message-not-found", `this node knows no message ${id}`);
        return showMessage(row);
      }),

    async keys() {
      const [keys, underWay] = await Promise.all([node.keys(), node.keysUnderWay()]);
      return {
        items: keys.slice(0, MAX_KEYS).map((key) => ({
          id: toHex(key.id),
          name: key.name,
          scheme: key.scheme,
          purpose: key.purpose,
          account: key.account,
          public_key: toHex(key.publicKey),
          threshold: key.threshold,
          quorum: key.quorum,
          epoch: key.epoch,
          members: ascending(key.members.map((member) => nodeNumber(member.node))),
          edges: key.edges,
          presignatures: key.presignatures,
        })),
        under_way: underWay.slice(-MAX_KEYS).map((key) => ({ ...key })),
        next_cursor: null,
      };
    },

    async createKey({ body: { name = null, account = null } }) {
      const request = await (name === null
        ? node.requestAccount(account ?? ACCOUNTS[0])
        : node.requestKey({ purpose: "messages", scheme: MESSAGE_SCHEME, name }));
      const isAsked = (key: KeyListing): boolean => (name === null ? key.account === account : key.name === name);
      const made = (await node.keys()).find(isAsked);
      const pending = (await node.keysUnderWay()).find((key) => key.request === request);
      const state = made === undefined ? (pending?.state ?? "making") : "made";
      return { request, name, account, state, key_id: made === undefined ? null : toHex(made.id) };
    },

    presign: ({ id, body: { count } }) =>
      translated(async () => ({ request: await node.presign(fromHex(id), count), key_id: id, count })),

    rekey: ({ body: { key, a, b } }) =>
      translated(async () => {
        const [first, second] = [roster.nodes[a - 1], roster.nodes[b - 1]];
        if (first === undefined || second === undefined)
          throw new ServiceError("rekey-refused", `the roster has nodes 1 to ${roster.nodes.length}`);
        const request = await node.rekey(fromHex(key), first.id, second.id);
        return { request, key_id: key, between: ascending([a, b]) };
      }),
  };
}

/** Exactly one of the three is given: the route's schema says so. */
function contentOf({ digest, message, message_hex, hash }: InputOf<"createMessage">["body"]): MessageContent {
  if (digest !== undefined) return { digest: fromHex(digest) };
  return { message: message === undefined ? fromHex(message_hex ?? "") : utf8(message), hash: hash ?? "sha256" };
}

async function messageOf(parts: ServiceParts, row: StoredMessage, names: Names): Promise<Message> {
  const { id, state, key, hash, message, signature, publicKey, createdAtMs, signedAtMs, reason } = row;
  return {
    id,
    state,
    key_id: key,
    hash,
    message_bytes: hash === null ? null : message.length,
    digest: toHex(hash === null ? message : hashMessage(message, hash)),
    signature: signature === null ? null : toHex(signature.subarray(0, 64)),
    recovery_id: signature?.[64] ?? null,
    public_key: publicKey === null ? null : toHex(publicKey),
    votes: await votesOf(parts, id, names),
    signers: ascending(parts.node.signersOf(id).map(names.nodeNumber)),
    created_at: iso(createdAtMs),
    signed_at: signedAtMs === null ? null : iso(signedAtMs),
    reason,
  };
}
