/**
 * The table of all lies: every mutation of every message of one cheater, each run to its end and held against a verdict that
 * the test declared. A row without a verdict fails, so a new field cannot be added without saying who catches a lie in it.
 */
import { CodecError, type Codec } from "@conclave/bytes";
import type { PartyIndex } from "../party.ts";
import type { Protocol } from "../round.ts";
import type { Message, Part } from "../session.ts";
import { echoCodec } from "../view.ts";
import { testSsid } from "./acks.ts";
import { cheat, type Rewrite } from "./cheat.ts";
import { CALM } from "./faults.ts";
import { mutations, type Donor, type Mutation, type MutationOptions } from "./mutations.ts";
import { simulate, type SimulationOptions } from "./simulate.ts";
import type { Sent, TraceEvent } from "./trace.ts";
import { Judge, type MutationRow, type Verdict } from "./verdicts.ts";

export interface MutationTableOptions<Config, Result>
  extends Omit<SimulationOptions<Config, Result>, "tamper" | "schedule" | "ssid" | "configs">, MutationOptions {
  /** Made anew for every run, because a run may wipe its config. */
  readonly configs: () => ReadonlyMap<PartyIndex, Config>;
  readonly cheater: PartyIndex;
  /**
   * Verdicts by key, the first of these that exists:
   * `round part field: mutation`, `round part field`, and for bytes that do not decode `round part: malformed`.
   * Fields as in `Mutation.field`; `message` for the message as a whole; `view` for the view sent along.
   * Example: `frost/sign/2 broadcast response: negated`.
   */
  readonly verdicts: Readonly<Record<string, Verdict<Result>>>;
  /** Default: broadcast and direct. Echoes are the session's own and are tested there. */
  readonly parts?: readonly Part[];
  /** Only these rounds. */
  readonly rounds?: readonly string[];
  /** Send the lie to this receiver only and the truth to the others. */
  readonly to?: PartyIndex;
  /** Only these mutations, where another table has the rest: what needs a third party is a small part of a long table. */
  readonly only?: (mutation: Mutation) => boolean;
}

/** Runs the whole table. Throws `Error` listing the rows that have no verdict or another outcome, and unused verdicts. */
export function mutationTable<Config, Result>(options: MutationTableOptions<Config, Result>): MutationRow<Result>[] {
  const { cheater, configs } = options;
  const judge = new Judge(options.verdicts);
  const rows: MutationRow<Result>[] = [];
  for (const { rewrite, mutation, decodes } of lies(options)) {
    const { honest } = cheat({ ...runOptions(options, ""), configs: configs(), cheater, rewrite });
    const { round, part, to } = rewrite;
    const row = { round, part, ...(to === undefined ? {} : { to }), mutation, decodes, cheater, outcomes: honest };
    rows.push(row);
    judge.row(row);
  }
  judge.close();
  return rows;
}

const isSent = (event: TraceEvent): event is Sent => event.kind === "send";

interface Lie {
  readonly rewrite: Rewrite;
  readonly mutation: Mutation;
  readonly decodes: boolean;
}

const runOptions = <Config, Result>(
  { protocol, committee, seed, rngFor }: MutationTableOptions<Config, Result>,
  attempt: string,
) => ({
  protocol,
  committee,
  seed: `${seed}${attempt}`,
  ssid: testSsid({ seed: `${seed}${attempt}`, committee }),
  schedule: CALM,
  ...(rngFor === undefined ? {} : { rngFor }),
});

function* lies<Config, Result>(options: MutationTableOptions<Config, Result>): Generator<Lie> {
  const { protocol, cheater, parts = ["broadcast", "direct"], rounds, only = () => true } = options;
  const sentIn = (attempt: string): Sent[] =>
    simulate({ ...runOptions(options, attempt), configs: options.configs() }).trace.filter(isSent);
  const honest = sentIn("");
  const previous = sentIn("/previous");
  for (const sent of targets(honest, cheater, options.to)) {
    const { round, part, body } = sent.message;
    if (!parts.includes(part) || !(rounds?.includes(round) ?? true)) continue;
    const everyone = part !== "direct" && options.to === undefined;
    const slot = { round, part, ...(everyone ? {} : { to: sent.to }) };
    const codec = codecOf(protocol, sent.message);
    for (const mutation of mutations(codec, body, { ...options, donors: donors(sent, honest, previous) })) {
      if (!only(mutation)) continue;
      yield { rewrite: { ...slot, body: () => mutation.bytes }, mutation, decodes: decodes(codec, mutation.bytes) };
    }
    const view: Mutation = { path: "view", field: "view", name: "last bit flipped", bytes: body, illegal: false };
    if (only(view)) yield { rewrite: { ...slot, view: lastBitFlipped }, mutation: view, decodes: true };
  }
}

/** The cheater's messages: a broadcast once, sealed parts once per receiver. */
function targets(honest: readonly Sent[], cheater: PartyIndex, to: PartyIndex | undefined): Sent[] {
  const seen = new Set<string>();
  return honest.filter((sent) => {
    const { from, round, part } = sent.message;
    if (from !== cheater || sent.to !== (to ?? sent.to)) return false;
    const key = `${round}/${part}/${part === "direct" ? sent.to : "all"}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

function donors({ to, message }: Sent, honest: readonly Sent[], previous: readonly Sent[]): Donor[] {
  const sameSlot = ({ message: { round, part } }: Sent): boolean => round === message.round && part === message.part;
  const find = (name: string, sent: readonly Sent[], wanted: (candidate: Sent) => boolean): Donor[] => {
    const found = sent.find((candidate) => sameSlot(candidate) && wanted(candidate));
    return found === undefined ? [] : [{ name, bytes: found.message.body }];
  };
  const own = ({ message: { from } }: Sent): boolean => from === message.from;
  return [
    ...find("another party's", honest, (sent) => !own(sent) && sent.to === to),
    ...find("last session's", previous, (sent) => own(sent) && sent.to === to),
    ...(message.part === "direct" ? find("another receiver's", honest, (sent) => own(sent) && sent.to !== to) : []),
  ];
}

function codecOf<Config, Result>(protocol: Protocol<Config, Result>, { round, part }: Message): Codec<unknown> {
  const found = protocol.rounds.find(({ name }) => name === round);
  const codec = part === "echo" ? echoCodec : found?.[part];
  if (codec === undefined || codec === null) throw new Error(`${protocol.id} has no ${round}/${part}`);
  return codec;
}

function decodes(codec: Codec<unknown>, bytes: Uint8Array): boolean {
  try {
    codec.decode(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return false;
  }
}

function lastBitFlipped(view: Uint8Array): Uint8Array {
  const changed = view.slice();
  changed[changed.length - 1]! ^= 1;
  return changed;
}
