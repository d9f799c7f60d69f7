/** Round 1: every party commits to its whole contribution, so that nobody can choose after seeing the others'. */
import { assert, codec, fixedBytes, nothing, record, type Rng } from "@conclave/bytes";
import { commit, evaluate, knowledgeNonce, randomPolynomial, type Group } from "@conclave/crypto";
import { enter, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import type { KeyShare } from "../record.ts";
import { openRound, type OpenState } from "./2-open.ts";
import { commitmentTo, extendLog, type Dealing, type KeygenConfig } from "./dealing.ts";

interface CommitTypes {
  state: {
    readonly context: Context;
    readonly config: KeygenConfig;
    readonly dealing: Dealing;
    readonly own: Uint8Array;
  };
  publicState: null;
  broadcast: { readonly V: Uint8Array };
  direct: null;
  checked: Uint8Array;
  result: KeyShare;
}

const commitCodec = codec(record({ V: fixedBytes(32) }));

/** Draw the polynomial and every nonce, and commit to all of it. */
export function startKeygen(group: Group, context: Context, config: KeygenConfig, rng: Rng): Step<KeyShare> {
  const { committee, ssid, self } = context;
  assert(config.threshold >= 2 && config.threshold <= committee.length, "2 ≤ t ≤ n");
  assert(
    committee.every((party) => config.nodes.has(party)),
    "every party is some node",
  );
  const polynomial = randomPolynomial(group, config.threshold, rng);
  const coefficientNonces = polynomial.map(() => knowledgeNonce(group, rng));
  const shareNonce = knowledgeNonce(group, rng);
  const opening = {
    rid: rng(32),
    cc: rng(32),
    F: commit(group, polynomial),
    A: coefficientNonces.map(({ commitment }) => commitment),
    B: shareNonce.commitment,
    u: rng(32),
  };
  const own = commitmentTo(group, ssid, self, opening);
  const dealing = { polynomial, coefficientNonces, shareNonce, opening };
  return enter(commitRound(group), { context, config, dealing, own }, { broadcast: { V: own } });
}

export const commitRound = (group: Group): Round<CommitTypes> => ({
  name: "keygen/1-commit",
  broadcast: commitCodec,
  direct: null,
  echo: true,
  judging: "each",
  publicState: nothing,
  open: () => null,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic: () => {},
  checkPrivate: (_state, _from, { V }) => V,
  finish: ({ context, config, dealing, own }, peers) => {
    const V = new Map<PartyIndex, Uint8Array>([...peers, [context.self, own]]);
    const state: OpenState = { ...context, config, dealing, V, log: extendLog(new Uint8Array(32), "1-commit", V) };
    const direct = new Map<PartyIndex, Uint8Array>();
    for (const to of context.committee) {
      if (to !== context.self) direct.set(to, group.encodeScalar(evaluate(group, dealing.polynomial, to)));
    }
    return enter(openRound(group), state, { broadcast: dealing.opening, direct });
  },
  wipe: () => {},
});
