/**
 * Round 3b, only after complaints: each accused dealer publishes the share in question. A share that fits is adopted and
 * nobody is blamed (the accuser knew it anyway); one that does not fit is evidence that convinces anyone.
 */
import { codec, fixedBytes, list, record, type Codec } from "@conclave/bytes";
import { isShareOf, pointSchema, scalarSchema, type Commitment, type Group } from "@conclave/crypto";
import { Fault, MAX_PARTIES, partyIndex, partyMap, type PartyIndex, type Round } from "@conclave/protocol";
import type { KeyShare } from "../record.ts";
import type { Opened } from "./3-prove.ts";
import { confirm } from "./4-confirm.ts";
import { extendLog } from "./dealing.ts";

export interface Complaint {
  readonly dealer: PartyIndex;
  readonly accuser: PartyIndex;
}

export interface Answers {
  /** f_i(accuser) for each accuser of this dealer, ascending. Empty for dealers that nobody accused. */
  readonly answers: readonly { readonly accuser: PartyIndex; readonly share: bigint }[];
}

export type AnswerState = Opened & { readonly complaints: readonly Complaint[]; readonly own: Answers };

interface AnswerPublic {
  readonly ssid: Uint8Array;
  readonly complaints: readonly Complaint[];
  readonly F: ReadonlyMap<PartyIndex, Commitment>;
}

interface AnswerTypes {
  state: AnswerState;
  publicState: AnswerPublic;
  broadcast: Answers;
  direct: null;
  checked: Answers;
  result: KeyShare;
}

const answersCodec = (group: Group): Codec<Answers> =>
  codec(
    record({
      answers: list(record({ accuser: partyIndex, share: scalarSchema(group) }), { max: MAX_PARTIES }),
    }),
  );

const publicCodec = (group: Group): Codec<AnswerPublic> =>
  codec(
    record({
      ssid: fixedBytes(32),
      complaints: list(record({ dealer: partyIndex, accuser: partyIndex }), { max: MAX_PARTIES * MAX_PARTIES }),
      F: partyMap(list(pointSchema(group), { min: 1, max: MAX_PARTIES })),
    }),
  );

export const answerRound = (group: Group): Round<AnswerTypes> => ({
  name: "keygen/3b-answer",
  broadcast: answersCodec(group),
  direct: null,
  echo: true,
  judging: "each",
  publicState: publicCodec(group),
  open: ({ ssid, complaints, openings }) => ({
    ssid,
    complaints,
    F: new Map([...openings].map(([party, { F }]) => [party, F])),
  }),
  senders: ({ committee }) => committee,
  receivers: ({ committee }) => committee,
  checkPublic({ complaints, F }, from, { answers }) {
    const accusers = complaints.filter(({ dealer }) => dealer === from).map(({ accuser }) => accuser);
    if (answers.length !== accusers.length || answers.some(({ accuser }, i) => accuser !== accusers[i])) {
      throw new Fault("public", "does not answer exactly the complaints against it");
    }
    const commitment = F.get(from);
    const fits = ({ accuser, share }: Answers["answers"][number]): boolean =>
      commitment !== undefined && isShareOf(group, commitment, accuser, share);
    if (!answers.every(fits)) {
      throw new Fault("public", "publishes a share that is not on its polynomial");
    }
  },
  checkPrivate: (_state, _from, answers) => answers,
  finish(state, peers) {
    const shares = new Map(state.shares);
    for (const [dealer, { answers }] of peers) {
      const own = answers.find(({ accuser }) => accuser === state.self);
      if (own !== undefined) shares.set(dealer, own.share);
    }
    const all = new Map<PartyIndex, Answers>([...peers, [state.self, state.own]]);
    const encoded = new Map([...all].map(([party, answers]) => [party, answersCodec(group).encode(answers)]));
    return confirm(group, { ...state, shares, log: extendLog(state.log, "3b-answer", encoded) });
  },
  wipe: () => {},
});
