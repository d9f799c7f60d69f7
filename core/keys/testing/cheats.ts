/** Dealers who cheat from the first round on, and the judge who was not there. */
import { codec, fixedBytes, record } from "@conclave/bytes";
import { commit, type Group, type Polynomial } from "@conclave/crypto";
import { Fault, roundOf, viewHash, type Abort, type PartyIndex, type Protocol } from "@conclave/protocol";
import { interceptSteps, partyRng, type Simulation } from "@conclave/protocol/testing";
import { keygenProtocol, type KeygenConfig, type KeyShare } from "../index.ts";
import { commitmentTo, type Dealing } from "../keygen/dealing.ts";
import type { keygenRun } from "./keygen.ts";

type Keygen = Protocol<KeygenConfig, KeyShare>;
type Run = ReturnType<typeof keygenRun>;

/** What an honest party of this run deals: its randomness is the simulation's, so a test can know it beforehand. */
export function honestDealing({ protocol, configs, committee, ssid, seed }: Run, party: PartyIndex): Dealing {
  const context = { ssid, self: party, committee };
  const step = protocol.start(context, configs.get(party)!, partyRng(seed, party));
  if (step.kind !== "send") throw new Error("key generation begins with a round");
  return (step.state as { readonly dealing: Dealing }).dealing;
}

const commitBody = codec(record({ V: fixedBytes(32) }));

/** The protocol with one dealer that commits to, opens and deals something else, all of it consistently. */
export const dealing = (
  group: Group,
  cheater: PartyIndex,
  change: (honest: Dealing) => Dealing,
  protocol: Keygen = keygenProtocol(group),
): Keygen =>
  interceptSteps(protocol, (step, { self, ssid }) => {
    if (self !== cheater || step.round.name !== "keygen/1-commit") return step;
    const state = step.state as { readonly dealing: Dealing };
    const changed = change(state.dealing);
    const own = commitmentTo(group, ssid, self, changed.opening);
    const outgoing = { broadcast: commitBody.encode({ V: own }), direct: new Map() };
    return { ...step, state: { ...state, dealing: changed, own }, outgoing };
  });

/** The protocol with one dealer that hands these parties other sealed shares: encoded bytes, or null for none. */
export const handing = (
  group: Group,
  cheater: PartyIndex,
  shares: ReadonlyMap<PartyIndex, (honest: Uint8Array) => Uint8Array>,
  protocol: Keygen = keygenProtocol(group),
): Keygen =>
  interceptSteps(protocol, (step, { self }) => {
    if (self !== cheater || step.round.name !== "keygen/2-open") return step;
    const direct = new Map(
      [...step.outgoing.direct].map(([to, honest]) => [to, shares.get(to)?.(honest) ?? honest] as const),
    );
    return { ...step, outgoing: { ...step.outgoing, direct } };
  });

/** A dealing with another polynomial, its commitment to match. Nonces are repeated or dropped to give one per coefficient. */
export function withPolynomial(group: Group, honest: Dealing, polynomial: Polynomial): Dealing {
  const coefficientNonces = polynomial.map((_, k) => honest.coefficientNonces[k % honest.coefficientNonces.length]!);
  const A = coefficientNonces.map(({ commitment }) => commitment);
  return { ...honest, polynomial, coefficientNonces, opening: { ...honest.opening, F: commit(group, polynomial), A } };
}

/**
 * Judge like somebody who was not there: from the evidence's messages and the public state alone, encoded. Returns the
 * reason for which the round's public check convicts; throws `Error` if it convicts nobody.
 */
export function judgeFromOutside(
  group: Group,
  { trace }: Simulation<unknown>,
  { abort, ssid, at }: { readonly abort: Abort; readonly ssid: Uint8Array; readonly at: PartyIndex },
): string {
  const [slot, ...more] = abort.evidence;
  if (slot === undefined || more.length > 0) throw new Error("one message proves a public fault");
  const delivered = trace.find(
    (event) =>
      event.kind === "deliver" &&
      event.to === at &&
      event.message.round === slot.round &&
      event.message.part === slot.part &&
      event.message.from === slot.from,
  );
  if (delivered?.kind !== "deliver") throw new Error("the evidence was delivered");
  const round = roundOf(keygenProtocol(group), slot.round)!;
  const view = viewHash(ssid, slot.round, abort.publicState);
  if (view.join() !== delivered.message.view.join()) throw new Error("the accused signed another view");
  try {
    round.checkPublic(
      round.publicState.decode(abort.publicState),
      slot.from,
      round.broadcast!.decode(delivered.message.body),
    );
  } catch (error) {
    if (error instanceof Fault && error.kind === "public") return error.message;
    throw error;
  }
  throw new Error("the check convicts nobody");
}
