/** Round 2: every dealer opens its commitment to all and hands each party f_i(j) under seal. */
import { bytes, codec, CodecError, equalBytes, fixedBytes, record, uint, type Codec } from "@conclave/bytes";
import { evaluate, isShareOf, proveKnowledge, sumCommitments, type Group } from "@conclave/crypto";
import { enter, Fault, partyMap, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import type { KeyShare } from "../record.ts";
import { proveRound, type ProveState } from "./3-prove.ts";
import {
  coefficientStatement,
  commitmentTo,
  extendLog,
  jointRid,
  openingCodec,
  type Ceremony,
  type Opening,
} from "./dealing.ts";

export type OpenState = Ceremony;

interface OpenPublic {
  readonly ssid: Uint8Array;
  readonly threshold: number;
  readonly V: ReadonlyMap<PartyIndex, Uint8Array>;
}

interface OpenTypes {
  state: OpenState;
  publicState: OpenPublic;
  broadcast: Opening;
  direct: Uint8Array;
  /** `share` is null where the sealed share is missing, malformed or not on the dealer's polynomial: a complaint. */
  checked: { readonly opening: Opening; readonly share: bigint | null };
  result: KeyShare;
}

const publicCodec = codec(
  record({ ssid: fixedBytes(32), threshold: uint({ min: 2 }), V: partyMap(fixedBytes(32)) }),
) as Codec<OpenPublic>;

/** What is wrong with a sealed share is a complaint, never an abort: bytes that are no encoding become no bytes. */
const shareBytes = codec(bytes({ max: 64 }));
const sealedShare: Codec<Uint8Array> = {
  ...shareBytes,
  decode(sealed) {
    try {
      return shareBytes.decode(sealed);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return new Uint8Array(0);
    }
  },
};

export const openRound = (group: Group): Round<OpenTypes> => ({
  name: "keygen/2-open",
  broadcast: openingCodec(group),
  direct: sealedShare,
  echo: false,
  judging: "each",
  publicState: publicCodec,
  open: ({ ssid, config, V }) => ({ ssid, threshold: config.threshold, V }),
  senders: ({ committee }) => committee,
  receivers: ({ committee }) => committee,
  checkPublic({ ssid, threshold, V }, from, opening) {
    const committed = V.get(from);
    if (committed === undefined || !equalBytes(commitmentTo(group, ssid, from, opening), committed)) {
      throw new Fault("public", "opens something else than it committed to");
    }
    // Exactly t coefficients: one more or less would silently change the threshold and could destroy the key.
    if (opening.F.length !== threshold) throw new Fault("public", "polynomial of another degree than agreed");
    if (opening.A.length !== threshold) throw new Fault("public", "not one proof nonce per coefficient");
  },
  checkPrivate({ self }, _from, opening, sealed) {
    return { opening, share: openShare(group, opening, self, sealed) };
  },
  finish: (state, peers) => prove(group, state, peers),
  wipe: () => {},
});

function openShare(group: Group, { F }: Opening, self: PartyIndex, sealed: Uint8Array): bigint | null {
  try {
    const share = group.decodeScalar(sealed);
    return isShareOf(group, F, self, share) ? share : null;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return null;
  }
}

/** Every opening is known: check that a key comes out, then prove knowledge of the own coefficients. */
function prove(group: Group, state: OpenState, peers: ReadonlyMap<PartyIndex, OpenTypes["checked"]>): Step<KeyShare> {
  const { dealing, self, committee } = state;
  const openings = new Map<PartyIndex, Opening>(
    committee.map((party) => [party, party === self ? dealing.opening : peers.get(party)!.opening]),
  );
  const sum = sumCommitments(
    group,
    [...openings.values()].map(({ F }) => F),
  );
  // ΣF_k(0) must not be the identity; the higher coefficients must not vanish either, or fewer than t could sign.
  if (sum.some((point) => group.isIdentity(point))) throw new Fault("mismatch", "the contributions cancel out");

  const encoded = new Map([...openings].map(([party, opening]) => [party, openingCodec(group).encode(opening)]));
  const rid = jointRid(openings);
  const log = extendLog(state.log, "2-open", encoded);
  const shares = new Map<PartyIndex, bigint>([[self, evaluate(group, dealing.polynomial, self)]]);
  const complaints: PartyIndex[] = [];
  for (const [party, { share }] of peers) {
    if (share === null) complaints.push(party);
    else shares.set(party, share);
  }
  const next: ProveState = { ...state, openings, rid, log, sum, shares };
  const proofs = dealing.polynomial.map((coefficient, k) => {
    const statement = coefficientStatement(next, self, k);
    return proveKnowledge(group, statement, dealing.coefficientNonces[k]!.secret, coefficient);
  });
  const broadcast = { proofs, complaints };
  return enter(proveRound(group), { ...next, own: broadcast }, { broadcast });
}
