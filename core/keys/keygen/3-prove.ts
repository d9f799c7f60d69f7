/** Round 3: every dealer proves that it knows its coefficients, and names the dealers whose sealed share did not fit. */
import { codec, fixedBytes, list, record, type Codec } from "@conclave/bytes";
import { evaluate, scalarSchema, verifyKnowledge, type Commitment, type Group } from "@conclave/crypto";
import {
  enter,
  Fault,
  MAX_PARTIES,
  partyIndex,
  partyMap,
  type PartyIndex,
  type Round,
  type Step,
} from "@conclave/protocol";
import type { KeyShare } from "../record.ts";
import { answerRound, type AnswerState, type Complaint } from "./3b-answer.ts";
import { confirm } from "./4-confirm.ts";
import { coefficientStatement, extendLog, openingSchema, type Ceremony, type Opening } from "./dealing.ts";

export interface Proofs {
  /** z_k for coefficient k, answering nonce A_k. */
  readonly proofs: readonly bigint[];
  /** Dealers whose share to this party was missing or wrong, ascending. */
  readonly complaints: readonly PartyIndex[];
}

/** The ceremony once every contribution is open. */
export interface Opened extends Ceremony {
  readonly openings: ReadonlyMap<PartyIndex, Opening>;
  /** rid = ⊕ rid_i. */
  readonly rid: Uint8Array;
  /** ΣF_k: the commitment to the polynomial whose constant term is the key. */
  readonly sum: Commitment;
  /** f_j(self) of every dealer whose share fitted, the own included. */
  readonly shares: ReadonlyMap<PartyIndex, bigint>;
}

export type ProveState = Opened & { readonly own?: Proofs };

interface ProvePublic {
  readonly ssid: Uint8Array;
  readonly rid: Uint8Array;
  readonly V: ReadonlyMap<PartyIndex, Uint8Array>;
  readonly openings: ReadonlyMap<PartyIndex, Opening>;
}

interface ProveTypes {
  state: ProveState;
  publicState: ProvePublic;
  broadcast: Proofs;
  direct: null;
  checked: Proofs;
  result: KeyShare;
}

const proofsCodec = (group: Group): Codec<Proofs> =>
  codec(
    record({
      proofs: list(scalarSchema(group), { max: MAX_PARTIES }),
      complaints: list(partyIndex, { max: MAX_PARTIES }),
    }),
  );

const publicCodec = (group: Group): Codec<ProvePublic> =>
  codec(
    record({
      ssid: fixedBytes(32),
      rid: fixedBytes(32),
      V: partyMap(fixedBytes(32)),
      openings: partyMap(openingSchema(group)),
    }),
  );

export const proveRound = (group: Group): Round<ProveTypes> => ({
  name: "keygen/3-prove",
  broadcast: proofsCodec(group),
  direct: null,
  echo: true,
  judging: "each",
  publicState: publicCodec(group),
  open: ({ ssid, rid, V, openings }) => ({ ssid, rid, V, openings }),
  senders: ({ committee }) => committee,
  receivers: ({ committee }) => committee,
  checkPublic(known, from, { proofs, complaints }) {
    const opening = known.openings.get(from);
    if (opening === undefined || proofs.length !== opening.F.length || proofs.length !== opening.A.length) {
      throw new Fault("public", "not one proof per coefficient");
    }
    for (const [k, response] of proofs.entries()) {
      // Without this a dealer could choose its constant term as target minus the others' (rogue key).
      if (!verifyKnowledge(group, coefficientStatement(known, from, k), response)) {
        throw new Fault("public", "proof of a coefficient does not verify");
      }
    }
    const ordered = complaints.every((dealer, i) => i === 0 || dealer > complaints[i - 1]!);
    if (!ordered || complaints.some((dealer) => dealer === from || !known.openings.has(dealer))) {
      throw new Fault("public", "complains about itself, a stranger, or out of order");
    }
  },
  checkPrivate: (_state, _from, proofs) => proofs,
  finish: (state, peers) => settle(group, state, peers),
  wipe: () => {},
});

/** With complaints, the accused dealers answer in public; without, the key is confirmed at once. */
function settle(group: Group, state: ProveState, peers: ReadonlyMap<PartyIndex, Proofs>): Step<KeyShare> {
  const all = new Map<PartyIndex, Proofs>([...peers, [state.self, state.own!]]);
  const encoded = new Map([...all].map(([party, proofs]) => [party, proofsCodec(group).encode(proofs)]));
  const opened: Opened = { ...state, log: extendLog(state.log, "3-prove", encoded) };
  const complaints: Complaint[] = state.committee.flatMap((accuser) =>
    all.get(accuser)!.complaints.map((dealer) => ({ dealer, accuser })),
  );
  if (complaints.length === 0) return confirm(group, opened);

  const answers = complaints
    .filter(({ dealer }) => dealer === state.self)
    .map(({ accuser }) => ({ accuser, share: evaluate(group, state.dealing.polynomial, accuser) }));
  const next: AnswerState = { ...opened, complaints, own: { answers } };
  return enter(answerRound(group), next, { broadcast: { answers } });
}
