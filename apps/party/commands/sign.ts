/** `sign`: one signature, by as many parties as the key needs, each of whom typed the same. */
import { readFileSync, statSync } from "node:fs";
import { fromHex, isHex, toHex, utf8 } from "@conclave/bytes";
import { MESSAGE_HASHES, type MessageHash } from "@conclave/bitcoin";
import {
  digestOf,
  MAX_MESSAGE_BYTES,
  pathRefusal,
  PartyFailure,
  printPath,
  type Content,
  type HeldKey,
  type PartySignature,
  type SignatureOrder,
} from "@conclave/party";
import type { PartyIndex } from "@conclave/protocol";
import type { Action } from "../context.ts";
import { openData } from "../data.ts";
import { EXIT, usageError } from "../exit.ts";
import { chooseKey } from "../key-choice.ts";
import { parsePath } from "../paths.ts";
import { SIGNATURES } from "../scheme-names.ts";
import { parseTimeoutMs, together } from "../together.ts";

interface SignOptions {
  readonly message?: string;
  readonly file?: string;
  readonly digest?: string;
  readonly allowDigest?: true;
  readonly hash?: string;
  readonly key?: string;
  readonly path: string;
  readonly parties?: string;
  readonly timeout?: string;
}

export const sign: Action<SignOptions> = async ({ settings, out }, options) => {
  const order: SignatureOrder = {
    content: contentOf(options),
    path: parsePath(options.path),
    parties: options.parties === undefined ? null : parseParties(options.parties),
  };
  const timeoutMs = parseTimeoutMs(options.timeout);
  // Before anybody hears of it.
  digestOf(order.content);
  const data = await openData(settings);
  try {
    const key = chooseKey(data.keys, options.key);
    const refusal = pathRefusal(key, order.path);
    if (refusal !== null) throw usageError(`--path: ${refusal}.`);
    checkParties(key, order.parties, data.identity.card.party);
    await together(
      { settings, out, data, invite: key.invite, timeoutMs },
      async (party) => party.sign(order),
      (signature) => out.result(signatureJson(key, order, signature), signatureLines(key, order, signature)),
    );
    return EXIT.ok;
  } finally {
    data.close();
  }
};

function contentOf({ message, file, digest, hash, allowDigest }: SignOptions): Content {
  if ([message, file, digest].filter((given) => given !== undefined).length !== 1)
    throw usageError("Give exactly one of --message, --file and --digest.");
  if (digest !== undefined) return digestContent(digest, hash, allowDigest === true);
  const name = hash ?? "sha256";
  if (!isMessageHash(name)) throw usageError(`--hash is "${name}": write one of ${MESSAGE_HASHES.join(", ")}.`);
  return { kind: "message", message: message === undefined ? readMessage(file!) : utf8(message), hash: name };
}

function digestContent(digest: string, hash: string | undefined, isAllowed: boolean): Content {
  if (hash !== undefined) throw usageError("--hash is for messages: a digest is signed as it is.");
  if (!isHex(digest, 32)) throw usageError("--digest is 32 bytes: 64 hexadecimal digits.");
  if (!isAllowed)
    throw new PartyFailure(
      "refused",
      "a digest may be of anything, a payment too: show the message (--message, --file), or add --allow-digest if you know what it is of",
    );
  return { kind: "digest", digest: fromHex(digest) };
}

const isMessageHash = (name: string): name is MessageHash => MESSAGE_HASHES.some((hash) => hash === name);

function readMessage(file: string): Uint8Array {
  try {
    const { size } = statSync(file);
    if (size <= MAX_MESSAGE_BYTES) return new Uint8Array(readFileSync(file));
    throw usageError(
      `The file ${file} has ${size} bytes where ${MAX_MESSAGE_BYTES} are allowed: sign a text that names its hash instead.`,
    );
  } catch (cause) {
    if (cause instanceof Error && "code" in cause)
      throw usageError(`The file ${file} cannot be read: ${cause.message}.`, { cause });
    throw cause;
  }
}

function parseParties(text: string): readonly PartyIndex[] {
  const numbers = text.split(",").map((part) => (/^\d{1,2}$/.test(part.trim()) ? Number(part) : 0));
  if (numbers.includes(0) || new Set(numbers).size < numbers.length)
    throw usageError(`--parties is "${text}": write different numbers separated by commas, such as 1,3.`);
  return numbers as PartyIndex[];
}

function checkParties({ invite }: HeldKey, parties: readonly PartyIndex[] | null, own: PartyIndex): void {
  if (parties === null) return;
  const stranger = parties.find((party) => party > invite.cards.length);
  if (stranger !== undefined)
    throw usageError(`--parties: there is no party ${stranger} in a group of ${invite.cards.length}.`);
  if (!parties.includes(own)) throw usageError(`--parties leaves this party (${own}) out: then it has nothing to do.`);
  if (parties.length < invite.threshold)
    throw usageError(`--parties names ${parties.length}: ${invite.threshold} sign with this key.`);
}

const signatureJson = (
  key: HeldKey,
  { path }: SignatureOrder,
  { signature, publicKey, digest, signers }: PartySignature,
) => ({
  signature: toHex(signature),
  scheme: key.invite.scheme,
  key: key.invite.name,
  public_key: toHex(publicKey),
  path: printPath(path),
  digest: toHex(digest),
  signers,
});

function signatureLines(
  key: HeldKey,
  { content, path }: SignatureOrder,
  { signature, publicKey, digest, signers }: PartySignature,
): readonly (readonly [string, string])[] {
  const what = content.kind === "digest" ? "as it was given" : `${content.hash} of the message`;
  return [
    ["Signature", toHex(signature)],
    ["Form", SIGNATURES[key.invite.scheme]],
    ["Public key", `${toHex(publicKey)}  (${key.invite.name}, ${printPath(path)})`],
    ["Signed", `${toHex(digest)}  (${what})`],
    ["Signers", signers.join(", ")],
  ];
}
