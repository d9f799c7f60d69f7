/** Round 4: every party proves that it holds the share x_i that belongs to X_i, and the ceremony's hash T is fixed. */
import { assert, codec, equalBytes, fixedBytes, record, toHex, transcript, type Codec } from "@conclave/bytes";
import {
  evaluateInExponent,
  mod,
  pointSchema,
  proveKnowledge,
  scalarSchema,
  verifyKnowledge,
  type Group,
  type KnowledgeStatement,
  type Point,
} from "@conclave/crypto";
import { enter, Fault, partyMap, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import { certificateHash } from "../certificate.ts";
import { curveOf, validateShare, type KeyShare } from "../record.ts";
import type { Opened } from "./3-prove.ts";
import { extendLog } from "./dealing.ts";

interface Confirmation {
  readonly proof: bigint;
}

type ConfirmState = Opened & {
  readonly x: bigint;
  readonly X: ReadonlyMap<PartyIndex, Point>;
  readonly publicKey: Point;
  readonly own?: Confirmation;
};

interface ConfirmPublic {
  readonly ssid: Uint8Array;
  readonly rid: Uint8Array;
  readonly publicKey: Point;
  readonly X: ReadonlyMap<PartyIndex, Point>;
  readonly B: ReadonlyMap<PartyIndex, Point>;
}

interface ConfirmTypes {
  state: ConfirmState;
  publicState: ConfirmPublic;
  broadcast: Confirmation;
  direct: null;
  checked: Confirmation;
  result: KeyShare;
}

const confirmationCodec = (group: Group): Codec<Confirmation> => codec(record({ proof: scalarSchema(group) }));

const publicCodec = (group: Group): Codec<ConfirmPublic> =>
  codec(
    record({
      ssid: fixedBytes(32),
      rid: fixedBytes(32),
      publicKey: pointSchema(group),
      X: partyMap(pointSchema(group)),
      B: partyMap(pointSchema(group)),
    }),
  );

/** The statement of party i's proof: x_i behind X_i with nonce B_i, bound to the run, its id and the resulting key. */
const shareStatement = (group: Group, known: ConfirmPublic, party: PartyIndex): KnowledgeStatement => ({
  value: known.X.get(party)!,
  commitment: known.B.get(party)!,
  binding: {
    what: "keygen share",
    ssid: known.ssid,
    rid: known.rid,
    publicKey: group.encode(known.publicKey),
    prover: party,
  },
});

const open = ({ ssid, rid, publicKey, X, openings }: ConfirmState): ConfirmPublic => ({
  ssid,
  rid,
  publicKey,
  X,
  B: new Map([...openings].map(([party, { B }]) => [party, B])),
});

/** All shares are in: add them up, derive every public share, prove the own. */
export function confirm(group: Group, opened: Opened): Step<KeyShare> {
  const { committee, self, shares, sum, dealing } = opened;
  assert(
    committee.every((dealer) => shares.has(dealer)),
    "every dealer's share is known or was answered",
  );
  const x = committee.reduce((total, dealer) => mod(total + shares.get(dealer)!, group.order), 0n);
  const X = new Map(committee.map((party) => [party, evaluateInExponent(group, sum, party)]));
  if ([...X.values()].some((point) => group.isIdentity(point))) throw new Fault("mismatch", "a share came out as zero");
  assert(group.equals(group.multiplyBaseSecret(x), X.get(self)!), "checked shares add up to the public share");

  const state: ConfirmState = { ...opened, x, X, publicKey: sum[0]! };
  const proof = proveKnowledge(group, shareStatement(group, open(state), self), dealing.shareNonce.secret, x);
  return enter(confirmRound(group), { ...state, own: { proof } }, { broadcast: { proof } });
}

export const confirmRound = (group: Group): Round<ConfirmTypes> => ({
  name: "keygen/4-confirm",
  broadcast: confirmationCodec(group),
  direct: null,
  echo: false,
  judging: "each",
  publicState: publicCodec(group),
  open,
  senders: ({ committee }) => committee,
  receivers: ({ committee }) => committee,
  checkPublic(known, from, { proof }) {
    const isParty = known.X.has(from) && known.B.has(from);
    if (!isParty || !verifyKnowledge(group, shareStatement(group, known, from), proof)) {
      throw new Fault("public", "proof of its share does not verify");
    }
  },
  checkPrivate: (_state, _from, confirmation) => confirmation,
  finish(state, peers) {
    const all = new Map<PartyIndex, Confirmation>([...peers, [state.self, state.own!]]);
    const encoded = new Map([...all].map(([party, value]) => [party, confirmationCodec(group).encode(value)]));
    return { kind: "done", result: keyShareOf(group, { ...state, log: extendLog(state.log, "4-confirm", encoded) }) };
  },
  wipe: () => {},
});

function keyShareOf(group: Group, { config, openings, X, x, self, publicKey, rid, log }: ConfirmState): KeyShare {
  // H(sorted cc_i): fixed by round 1 and the same for everyone, so that no party chose it.
  const contributions = [...openings.values()].map(({ cc }) => cc).toSorted((a, b) => (toHex(a) < toHex(b) ? -1 : 1));
  const chainCode = transcript("keys/keygen/chain-code", { contributions });
  const parties = [...X].map(([index, publicShare]) => ({ index, node: config.nodes.get(index)!, publicShare }));
  const facts = {
    version: 1 as const,
    curve: curveOf(config.scheme),
    scheme: config.scheme,
    purpose: config.purpose,
    epoch: 0,
    threshold: config.threshold,
    quorum: config.quorum,
    parties,
    publicKey,
    chainCode,
  };
  const certificate = certificateHash(group, facts, { log, rid });
  const share = validateShare(group, { record: { ...facts, certificate }, self, secret: x });
  assert(equalBytes(share.record.certificate, certificate), "a share carries the hash of its own ceremony");
  return share;
}
