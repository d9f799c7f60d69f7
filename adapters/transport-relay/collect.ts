/** The round helper (RL-16): asks for everything at once, takes each once, and listens for whoever calls the run off meanwhile. */
import { codec, CodecError, fromHex, record, text, toHex, type Codec } from "@conclave/bytes";
import type { Clock } from "@conclave/node";
import type { Address } from "@conclave/relay";
import type { Answer, AskTerms, RelayClient } from "./client.ts";
import { systemClock } from "./clock.ts";
import { Aborted, Stalled } from "./errors.ts";
import { StallClock } from "./stall-clock.ts";

/** All ones (RL-06): under this tag a party calls a run off. */
export const ABORT_TAG = (1n << 64n) - 1n;
export const MAX_ABORT_CODE = 64;

const abortCodec: Codec<{ readonly code: string }> = codec(record({ code: text({ max: MAX_ABORT_CODE }) }));

/** A run, and everybody else in it. */
export interface Run {
  /** 32 bytes. */
  readonly instance: Uint8Array;
  /** Names for errors, by Ed25519 key in hexadecimal. */
  readonly parties: ReadonlyMap<string, string>;
}

export interface CollectTerms {
  /** How long each question stands. */
  readonly ttlSeconds: number;
  /** Longest time without an answer. Then `Stalled`. */
  readonly stallMs: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Everything at these addresses, in their order. Rejects with `Aborted` when a party of the run calls it off, `Stalled` naming
 * who has not spoken, `AskExpired`, or the signal's reason.
 */
export async function collect(
  client: RelayClient,
  run: Run,
  addresses: readonly Address[],
  { ttlSeconds, stallMs, signal, clock = systemClock }: CollectTerms,
): Promise<readonly Answer[]> {
  const over = new AbortController();
  const given = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const outstanding = new Set(addresses);
  const stall = new StallClock(clock, stallMs, () => {
    const names = [...outstanding].map(({ sender }) => nameOf(run, sender));
    over.abort(new Stalled("collecting messages", [...new Set(names)], stallMs));
  });
  watchAborts(client, run, { ttlSeconds, signal: given }, (aborted) => over.abort(aborted));
  const take = async (address: Address): Promise<Answer> => {
    const answer = await client.ask(client.idOf(address), { ttlSeconds, signal: given });
    outstanding.delete(address);
    stall.progress();
    return answer;
  };
  try {
    return await Promise.all(addresses.map(take));
  } finally {
    stall.stop();
    over.abort(new DOMException("collected", "AbortError"));
  }
}

/** Calls back once for the first party that calls the run off, until the signal ends the watch. */
export function watchAborts(
  client: RelayClient,
  run: Run,
  terms: AskTerms & { readonly signal: AbortSignal },
  aborted: (error: Aborted) => void,
): void {
  for (const [key, name] of run.parties) {
    const id = client.idOf({ tag: ABORT_TAG, sender: fromHex(key), receiver: null, instance: run.instance });
    client.ask(id, terms).then(
      ({ payload }) => aborted(new Aborted(name, codeOf(payload))),
      // The watch ended, the client closed, or nobody called the run off: all are heard elsewhere.
      () => {},
    );
  }
}

/** Tell everybody in a run that it is over. `code` is for people and logs, at most `MAX_ABORT_CODE` characters. */
export const abortRun = (
  client: RelayClient,
  instance: Uint8Array,
  { code, ttlSeconds }: { readonly code: string; readonly ttlSeconds: number },
): Promise<void> =>
  client.publish({ tag: ABORT_TAG, receiver: null, instance }, abortCodec.encode({ code }), { ttlSeconds });

const nameOf = ({ parties }: Run, key: Uint8Array): string => parties.get(toHex(key)) ?? toHex(key);

function codeOf(payload: Uint8Array): string {
  try {
    return abortCodec.decode(payload).code;
  } catch (error) {
    if (error instanceof CodecError) return "unreadable";
    throw error;
  }
}
