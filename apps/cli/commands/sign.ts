/** `sign`: has the cluster sign a message, and waits for the signature. */
import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { MAX_MESSAGE_BYTES, MESSAGE_STATES, type Client, type Message, type MessageHash } from "@conclave/api";
import { openWriter } from "../connection.ts";
import type { Action, Context } from "../context.ts";
import { CliError, EXIT, usageError } from "../exit.ts";
import { cell, renderList, type Cell, type Look } from "../output.ts";
import { lookAgain, parseWaitSeconds } from "../waiting.ts";
import { findKey } from "./keys.ts";

interface SignOptions {
  readonly key: string;
  readonly message?: string;
  readonly file?: string;
  readonly digest?: string;
  readonly hash?: MessageHash;
  readonly waitTimeout: string;
  readonly idempotencyKey?: string;
}

/** Between two looks at a message. */
const POLL_MS = 250;

export const sign: Action<SignOptions> = async (context, options) => {
  const content = contentOf(options);
  const waitSeconds = parseWaitSeconds(options.waitTimeout);
  const client = openWriter(context.settings);
  const { id: keyId } = await findKey(client, options.key);
  const idempotencyKey = options.idempotencyKey ?? randomUUID();
  const taken = await client.createMessage({ body: { key_id: keyId, ...content }, idempotencyKey });
  const message = await waitFor(context, client, taken, waitSeconds);
  if (message.state !== "signed") throw refusal(message);
  context.out.result(message, (look) => renderMessage(message, look));
  return EXIT.ok;
};

/** What to sign, as the API takes it: bytes in hexadecimal, whatever they were typed as. */
function contentOf({ message, file, digest, hash }: SignOptions) {
  if ([message, file, digest].filter((given) => given !== undefined).length !== 1)
    throw usageError("Give exactly one of --message, --file and --digest.");
  if (digest !== undefined) {
    if (hash !== undefined) throw usageError("--hash is for messages: a digest is signed as it is.");
    if (!/^[0-9a-fA-F]{64}$/.test(digest)) throw usageError("--digest is 32 bytes: 64 hexadecimal digits.");
    return { digest };
  }
  const bytes = message === undefined ? readMessage(file!) : Buffer.from(message, "utf8");
  if (bytes.length > MAX_MESSAGE_BYTES) throw tooLong(bytes.length);
  return { message_hex: bytes.toString("hex"), ...(hash === undefined ? {} : { hash }) };
}

function readMessage(file: string): Buffer {
  try {
    const { size } = statSync(file);
    if (size > MAX_MESSAGE_BYTES) throw tooLong(size);
    return readFileSync(file);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw usageError(`The file ${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

const tooLong = (bytes: number): CliError =>
  usageError(
    `The message has ${bytes} bytes where ${MAX_MESSAGE_BYTES} are allowed: sign a text that names its hash instead.`,
  );

async function waitFor({ out }: Context, client: Client, taken: Message, waitSeconds: number): Promise<Message> {
  const endMs = performance.now() + waitSeconds * 1_000;
  let message = taken;
  let shown = "";
  while (!MESSAGE_STATES[message.state].final) {
    if (message.state !== shown) out.note(`${message.state} …`);
    shown = message.state;
    if (performance.now() > endMs) {
      throw new CliError(
        EXIT.timeout,
        "wait-timeout",
        `The message ${message.id} is still ${message.state} after ${waitSeconds} s: "conclave cluster status" may say why.`,
      );
    }
    await sleep(POLL_MS);
    message = await lookAgain(() => client.message({ id: taken.id }), message);
  }
  return message;
}

function refusal({ state, reason, hash }: Message): CliError {
  const why = reason === null ? "" : ` ${reason}.`;
  const advice = hash === null ? " A digest is signed only if enough nodes run with --allow-digests." : "";
  if (state === "rejected") return new CliError(EXIT.refused, "rejected", `The nodes refused to sign.${why}${advice}`);
  if (state === "expired") return new CliError(EXIT.timeout, "expired", `Time ran out before it was signed.${why}`);
  return new CliError(EXIT.failed, state, `The message was not signed.${why}`);
}

function renderMessage(message: Message, look: Look): string {
  const { signature, recovery_id: recoveryId, public_key: publicKey, signers, hash, digest, id } = message;
  const entries: (readonly [string, Cell])[] = [
    ["Signature", cell(signature ?? "", "good")],
    ["Recovery id", cell(recoveryId ?? "")],
    ["Public key", cell(publicKey ?? "")],
    ["Signers", cell(signers.join(", "))],
    ["Digest", cell(`${digest}${hash === null ? ", as it was given" : `, ${hash} of the message`}`)],
    ["Message", cell(id)],
  ];
  return renderList(entries, look);
}
