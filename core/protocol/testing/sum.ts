/**
 * A toy protocol that uses everything a `Session` offers, for testing sessions and the testing kit itself: parties commit to
 * integers (echoed), open them and prove to each peer that they hold a pair key (sealed), then announce the double, which is
 * judged only if the total is wrong. Before the last message leaves, a record must be durable.
 */
import { codec, equalBytes, fixedBytes, list, record, transcript, uint, type CodecOf } from "@conclave/bytes";
import {
  enter,
  Fault,
  MAX_PARTIES,
  partyIndex,
  type Context,
  type PartyIndex,
  type Protocol,
  type Round,
} from "../index.ts";

export interface SumConfig {
  readonly value: number;
  /** A key shared with each peer, 32 bytes. */
  readonly pairKeys: ReadonlyMap<PartyIndex, Uint8Array>;
}

export interface SumResult {
  readonly total: number;
  /** What each peer sent under seal. */
  readonly pads: ReadonlyMap<PartyIndex, Uint8Array>;
}

/** Secret buffers that every round's state carries, so that a wipe can be watched. */
export interface SumState {
  readonly context: Context;
  readonly config: SumConfig;
  readonly nonce: Uint8Array;
}

interface OpenState extends SumState {
  readonly commitments: ReadonlyMap<PartyIndex, Uint8Array>;
}

interface TotalState extends SumState {
  readonly values: ReadonlyMap<PartyIndex, number>;
  readonly pads: ReadonlyMap<PartyIndex, Uint8Array>;
}

const MAX_VALUE = 1_000_000;
const partyList = list(partyIndex, { min: 2, max: MAX_PARTIES });
const perParty = { min: 2, max: MAX_PARTIES };

const commitPublic = codec(record({ ssid: fixedBytes(32), committee: partyList }));
const openPublic = codec(
  record({
    ssid: fixedBytes(32),
    commitments: list(record({ party: partyIndex, commitment: fixedBytes(32) }), perParty),
  }),
);
const totalPublic = codec(
  record({
    ssid: fixedBytes(32),
    values: list(record({ party: partyIndex, value: uint({ max: MAX_VALUE }) }), perParty),
  }),
);

export const commitBroadcast = codec(record({ commitment: fixedBytes(32) }));
export const openBroadcast = codec(record({ value: uint({ max: MAX_VALUE }), nonce: fixedBytes(32) }));
export const openDirect = codec(record({ tag: fixedBytes(32), pad: fixedBytes(32) }));
export const totalBroadcast = codec(record({ double: uint({ max: 2 * MAX_VALUE }) }));

const commitmentTo = (ssid: Uint8Array, party: PartyIndex, opening: CodecOf<typeof openBroadcast>): Uint8Array =>
  transcript("testing/sum/commit", { ssid, party, ...opening });

const tagOf = (ssid: Uint8Array, from: PartyIndex, pairKey: Uint8Array): Uint8Array =>
  transcript("testing/sum/tag", { ssid, from, pairKey });

const padOf = (ssid: Uint8Array, from: PartyIndex, pairKey: Uint8Array): Uint8Array =>
  transcript("testing/sum/pad", { ssid, from, pairKey });

const everyone = ({ context }: SumState): readonly PartyIndex[] => context.committee;

const wipe = ({ nonce, config }: SumState): void => {
  nonce.fill(0);
  for (const key of config.pairKeys.values()) key.fill(0);
};

const commitRound: Round<{
  state: SumState;
  publicState: CodecOf<typeof commitPublic>;
  broadcast: CodecOf<typeof commitBroadcast>;
  direct: null;
  checked: Uint8Array;
  result: SumResult;
}> = {
  name: "sum/1-commit",
  broadcast: commitBroadcast,
  direct: null,
  echo: true,
  judging: "each",
  publicState: commitPublic,
  open: ({ context }) => ({ ssid: context.ssid, committee: context.committee }),
  senders: everyone,
  receivers: everyone,
  checkPublic() {
    // A commitment is judged when it is opened.
  },
  checkPrivate: (_state, _from, { commitment }) => commitment,
  finish(state, peers) {
    const { context, config, nonce } = state;
    const { ssid, self } = context;
    const opening = { value: config.value, nonce };
    const commitments = new Map([...peers, [self, commitmentTo(ssid, self, opening)]]);
    const direct = new Map(
      [...config.pairKeys].map(([to, key]) => [to, { tag: tagOf(ssid, self, key), pad: padOf(ssid, self, key) }]),
    );
    return enter(openRound, { ...state, commitments }, { broadcast: opening, direct });
  },
  wipe,
};

const openRound: Round<{
  state: OpenState;
  publicState: CodecOf<typeof openPublic>;
  broadcast: CodecOf<typeof openBroadcast>;
  direct: CodecOf<typeof openDirect>;
  checked: { readonly value: number; readonly pad: Uint8Array };
  result: SumResult;
}> = {
  name: "sum/2-open",
  broadcast: openBroadcast,
  direct: openDirect,
  echo: false,
  judging: "each",
  publicState: openPublic,
  open: ({ context, commitments }) => ({
    ssid: context.ssid,
    commitments: context.committee.map((party) => ({ party, commitment: commitments.get(party)! })),
  }),
  senders: everyone,
  receivers: everyone,
  checkPublic({ ssid, commitments }, from, opening) {
    const committed = commitments.find(({ party }) => party === from);
    if (committed === undefined || !equalBytes(committed.commitment, commitmentTo(ssid, from, opening))) {
      throw new Fault("public", "the opening does not match the commitment");
    }
  },
  checkPrivate({ context, config }, from, { value }, { tag, pad }) {
    const key = config.pairKeys.get(from)!;
    if (!equalBytes(tag, tagOf(context.ssid, from, key))) throw new Fault("private", "the tag is wrong");
    if (!equalBytes(pad, padOf(context.ssid, from, key))) throw new Fault("cheat", "the pad is wrong");
    return { value, pad };
  },
  finish(state, peers) {
    const { self, ssid } = state.context;
    const values = new Map([...peers].map(([party, { value }]) => [party, value]));
    values.set(self, state.config.value);
    const pads = new Map([...peers].map(([party, { pad }]) => [party, pad]));
    const spent = transcript("testing/sum/spent", { ssid, self });
    return enter(totalRound, { ...state, values, pads }, { broadcast: { double: 2 * state.config.value } }, [spent]);
  },
  wipe,
};

const totalRound: Round<{
  state: TotalState;
  publicState: CodecOf<typeof totalPublic>;
  broadcast: CodecOf<typeof totalBroadcast>;
  direct: null;
  checked: number;
  result: SumResult;
}> = {
  name: "sum/3-total",
  broadcast: totalBroadcast,
  direct: null,
  echo: false,
  judging: "on-failure",
  publicState: totalPublic,
  open: ({ context, values }) => ({
    ssid: context.ssid,
    values: context.committee.map((party) => ({ party, value: values.get(party)! })),
  }),
  senders: everyone,
  receivers: everyone,
  checkPublic({ values }, from, { double }) {
    const own = values.find(({ party }) => party === from);
    if (own === undefined || double !== 2 * own.value) throw new Fault("public", "the double is wrong");
  },
  checkPrivate: (_state, _from, { double }) => double,
  finish({ config, values, pads }, peers) {
    const total = [...values.values()].reduce((sum, value) => sum + value, 0);
    const doubles = [...peers.values()].reduce((sum, double) => sum + double, 2 * config.value);
    if (doubles !== 2 * total) throw new Fault("mismatch", "the doubles do not add up");
    return { kind: "done", result: { total, pads } };
  },
  wipe,
};

/** See the head of this file. */
export const sumProtocol: Protocol<SumConfig, SumResult> = {
  id: "testing/sum/v1",
  rounds: [commitRound, openRound, totalRound],
  start(context, config, rng) {
    const nonce = rng(32);
    // The session wipes what it holds; the caller's keys stay its own.
    const pairKeys = new Map([...config.pairKeys].map(([party, key]) => [party, key.slice()]));
    const { value } = config;
    const state: SumState = { context, config: { value, pairKeys }, nonce };
    const commitment = commitmentTo(context.ssid, context.self, { value, nonce });
    return enter(commitRound, state, { broadcast: { commitment } });
  },
};

/** Configs for a committee: party i holds 10·i, each pair a key of its own. */
export const sumConfigs = (committee: readonly PartyIndex[]): Map<PartyIndex, SumConfig> =>
  new Map(
    committee.map((self) => [
      self,
      {
        value: 10 * self,
        pairKeys: new Map(
          committee
            .filter((peer) => peer !== self)
            .map((peer) => [
              peer,
              transcript("testing/sum/key", { low: Math.min(self, peer), high: Math.max(self, peer) }),
            ]),
        ),
      },
    ]),
  );
