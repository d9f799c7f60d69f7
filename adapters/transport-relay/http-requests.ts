/** Requests to one relay: deadlines, bounded answers, and what each status means. */
import type { Clock } from "@conclave/node";
import type { Platform } from "./platform.ts";

/** What came back. `error`: the relay's own word for a refusal, if it gave one. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly error: string | null;
  /** How long the relay wants to be left alone; 0 if it does not say. */
  readonly retryAfterMs: number;
}

/** No answer, or none that can be used: the relay is not there. */
export class NoHttpAnswer extends Error {
  override readonly name = "NoHttpAnswer";
}

export interface HttpQuestion {
  readonly path: string;
  /** Posted if present. */
  readonly body?: Uint8Array;
  /** From the request to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Kept of a relay's reason. */
const MAX_REASON = 200;

/** Throws `NoHttpAnswer`. */
export async function request(
  { url, platform, clock }: { readonly url: string; readonly platform: Platform; readonly clock: Clock },
  { path, body, timeoutMs, maxBytes, signal }: HttpQuestion,
): Promise<HttpAnswer> {
  const late = new AbortController();
  const deadline = clock.schedule(timeoutMs, () => late.abort());
  try {
    const response = await platform.fetch(new URL(path, url.endsWith("/") ? url : `${url}/`).href, {
      redirect: "error",
      signal: AbortSignal.any([signal, late.signal]),
      ...(body === undefined
        ? {}
        : {
            method: "POST",
            body: body as Uint8Array<ArrayBuffer>,
            headers: { "content-type": "application/octet-stream" },
          }),
    });
    const bytes = await readBody(response, maxBytes);
    const error = response.status < 400 ? null : errorOf(bytes);
    return { status: response.status, body: bytes, error, retryAfterMs: retryAfterMs(response) };
  } catch (cause) {
    if (cause instanceof NoHttpAnswer) throw cause;
    // fetch rejects with a TypeError for every network failure, and with the abort's reason for a deadline.
    const why = late.signal.aborted ? `no full answer within ${timeoutMs} ms` : "connection failed";
    throw new NoHttpAnswer(why, { cause });
  } finally {
    deadline.cancel();
  }
}

async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) break;
    size += value.length;
    if (size > maxBytes) {
      await reader?.cancel();
      throw new NoHttpAnswer(`an answer of more than ${maxBytes} bytes`);
    }
    chunks.push(value);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** {"error": "sender-quota", …}; null for anything else that a server may say. */
function errorOf(bytes: Uint8Array): string | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const error = typeof value === "object" && value !== null && "error" in value ? value.error : null;
    return typeof error === "string" ? error.slice(0, MAX_REASON) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** In seconds; dates are ignored. */
function retryAfterMs(response: Response): number {
  const seconds = response.headers.get("retry-after") ?? "";
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1_000 : 0;
}
