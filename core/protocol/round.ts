import type { Codec, Rng } from "@conclave/bytes";
import type { PartyIndex } from "./party.ts";
import type { Ssid } from "./ssid.ts";

/** What every run knows before its first round. */
export interface Context {
  readonly ssid: Ssid;
  readonly self: PartyIndex;
  /** Everyone in this run, ascending, by their original x-coordinates. */
  readonly committee: readonly PartyIndex[];
}

export interface RoundTypes {
  /** All that this party carries into the round; may hold secrets. */
  state: unknown;
  /** The part of the state that the public check depends on; holds no secret. */
  publicState: unknown;
  broadcast: unknown;
  direct: unknown;
  checked: unknown;
  result: unknown;
}

/**
 * One round: who speaks, what is checked, what follows. Stateless: `state` is passed in as data.
 *
 * `checkPublic` sees nothing but the public state, whose hash (the *view*) every message of the round carries. A message
 * that fails it therefore convicts its sender before a third party that was not there: the signed envelope names the view,
 * the view opens to the public state, and the check is run again.
 */
export interface Round<T extends RoundTypes> {
  /** `frost/sign/2`: routes messages. */
  readonly name: string;
  /** The part that all receivers get alike; null if the round has none. */
  readonly broadcast: Codec<T["broadcast"]> | null;
  /** The part that each receiver gets alone, sealed; null if the round has none. */
  readonly direct: Codec<T["direct"]> | null;
  /** True if peers must confirm that they saw the same broadcasts before `finish` runs. */
  readonly echo: boolean;
  /**
   * When `checkPublic` runs: for `each` message as it comes, or only `on-failure` of `finish`, for the last round of a
   * protocol whose result proves itself (a signature that verifies). On failure it names everyone who fails it.
   */
  readonly judging: "each" | "on-failure";
  readonly publicState: Codec<T["publicState"]>;
  /** The public part of the state. Everything that `checkPublic` and honest peers' messages depend on. */
  open(state: T["state"]): T["publicState"];
  /** Who sends in this round, and to whom. Resharing has parties that only send or only receive. Ascending. */
  senders(state: T["state"]): readonly PartyIndex[];
  receivers(state: T["state"]): readonly PartyIndex[];
  /** Judge a broadcast without any secret. Throws `Fault("public")`. */
  checkPublic(publicState: T["publicState"], from: PartyIndex, broadcast: T["broadcast"]): void;
  /** Judge the sealed part with our secrets, after the public check. Throws `Fault("private" | "cheat")`. */
  checkPrivate(state: T["state"], from: PartyIndex, broadcast: T["broadcast"], direct: T["direct"]): T["checked"];
  /**
   * All senders are checked (and echoed). Next round or result. Throws `Fault("mismatch")` when the whole does not fit
   * together although every part passed.
   */
  finish(state: T["state"], peers: ReadonlyMap<PartyIndex, T["checked"]>, rng: Rng): Step<T["result"]>;
  /**
   * Overwrite what this state holds in secret buffers. Called once, on the session's last state, however it ended: a round
   * that hands secrets on carries them in its next state, and drops those that it used last.
   */
  wipe(state: T["state"]): void;
}

/** What a party sends on entering a round: one `broadcast` to all receivers, one `direct` to each that needs one. */
export interface Outgoing {
  readonly broadcast: Uint8Array | null;
  readonly direct: ReadonlyMap<PartyIndex, Uint8Array>;
}

export type Step<Result> =
  | {
      readonly kind: "send";
      readonly outgoing: Outgoing;
      readonly round: Round<RoundTypes & { result: Result }>;
      readonly state: unknown;
      /** Journal records that must be durable before `outgoing` leaves (a spent nonce, a dead edge). */
      readonly commitFirst: readonly Uint8Array[];
    }
  | { readonly kind: "done"; readonly result: Result };

/** Pair a round with its state: the one place where their types must agree. */
export function enter<T extends RoundTypes>(
  round: Round<T>,
  state: T["state"],
  outgoing: { broadcast?: T["broadcast"]; direct?: ReadonlyMap<PartyIndex, T["direct"]> },
  commitFirst: readonly Uint8Array[] = [],
): Step<T["result"]> {
  const direct = new Map<PartyIndex, Uint8Array>();
  for (const [to, value] of outgoing.direct ?? []) direct.set(to, round.direct!.encode(value));
  const broadcast = round.broadcast === null ? null : round.broadcast.encode(outgoing.broadcast);
  return { kind: "send", round, state, outgoing: { broadcast, direct }, commitFirst };
}

/** One protocol: its identity on the wire, its rounds, and how a party begins. */
export interface Protocol<Config, Result> {
  /** `frost-secp256k1-taproot/sign/v1`: changes whenever the wire format does. */
  readonly id: string;
  /** Every round, in order. A session buffers at most one early message per round, part and peer. */
  readonly rounds: readonly Round<RoundTypes & { result: Result }>[];
  start(context: Context, config: Config, rng: Rng): Step<Result>;
}

/** A round by name; undefined if the protocol has no such round. */
export const roundOf = <Config, Result>(
  protocol: Protocol<Config, Result>,
  name: string,
): Round<RoundTypes & { result: Result }> | undefined => protocol.rounds.find((round) => round.name === name);
