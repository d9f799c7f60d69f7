/** `invite`: from cards to the one word that everybody starts from. Needs no party of its own and no password. */
import { fingerprint, KEY_NAME, makeInvite, parseCard, printInvite } from "@conclave/party";
import type { Action } from "../context.ts";
import { rng } from "../data.ts";
import { engine, schemes } from "../engine.ts";
import { EXIT, usageError } from "../exit.ts";
import { parseScheme } from "../scheme-names.ts";
import { DEFAULT_RELAY } from "../settings.ts";

interface InviteOptions {
  readonly threshold: string;
  readonly scheme: string;
  readonly name: string;
}

export const invite: Action<InviteOptions> = async ({ settings, out }, options, ...cards) => {
  const scheme = parseScheme(options.scheme);
  if (!/^\d{1,2}$/.test(options.threshold))
    throw usageError(`--threshold is "${options.threshold}": write how many of the parties sign, such as 2.`);
  if (!KEY_NAME.test(options.name))
    throw usageError(`--name is "${options.name}": write 1 to 32 of a–z, 0–9, - and _.`);
  const maxParties = schemes.find((candidate) => candidate.scheme === scheme)!.maxParties;
  if (cards.length > maxParties) throw usageError(`A ${scheme} key has at most ${maxParties} parties.`);
  const made = makeInvite(
    engine,
    {
      relays: settings.relays ?? [DEFAULT_RELAY],
      session: rng(32),
      name: options.name,
      scheme,
      threshold: Number(options.threshold),
    },
    cards.map((card) => parseCard(engine, card)),
  );
  const word = printInvite(made);
  out.log(
    "info",
    `invite for ${made.threshold} of ${made.cards.length}, ${made.scheme}, over ${made.relays.join(", ")}; fingerprint ${fingerprint(made.hash)}`,
  );
  out.word({ invite: word, fingerprint: fingerprint(made.hash) }, word);
  return EXIT.ok;
};
