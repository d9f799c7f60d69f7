/**
 * A toy protocol with roles, like a resharing: dealers hand a number to receivers under an echoed broadcast and a sealed part.
 * A party can be one, the other or both; a mere dealer hears nothing.
 */
import { codec, fixedBytes, list, record, uint, type CodecOf } from "@conclave/bytes";
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

export interface HandoverConfig {
  readonly dealers: readonly PartyIndex[];
  readonly receivers: readonly PartyIndex[];
  readonly value: number;
}

interface State {
  readonly context: Context;
  readonly config: HandoverConfig;
  readonly heard: number;
}

const number = codec(record({ value: uint() }));
const roles = codec(
  record({
    ssid: fixedBytes(32),
    dealers: list(partyIndex, { min: 1, max: MAX_PARTIES }),
    receivers: list(partyIndex, { min: 1, max: MAX_PARTIES }),
  }),
);

type Types = {
  state: State;
  publicState: CodecOf<typeof roles>;
  broadcast: CodecOf<typeof number>;
  direct: CodecOf<typeof number>;
  checked: number;
  result: number;
};

const shared = {
  broadcast: number,
  direct: number,
  judging: "each",
  publicState: roles,
  open: ({ context, config }: State) => ({ ssid: context.ssid, dealers: config.dealers, receivers: config.receivers }),
  senders: ({ config }: State) => config.dealers,
  receivers: ({ config }: State) => config.receivers,
  checkPublic(_roles: unknown, _from: PartyIndex, { value }: { value: number }) {
    if (value === 0) throw new Fault("public", "nothing is handed over");
  },
  checkPrivate: (_state: State, _from: PartyIndex, _broadcast: unknown, { value }: { value: number }) => value,
  wipe() {
    // Numbers cannot be overwritten.
  },
} as const;

const outgoing = ({ config }: State, bonus: number) => ({
  broadcast: { value: config.value },
  direct: new Map(config.receivers.map((to) => [to, { value: config.value + bonus }])),
});

const sum = (peers: ReadonlyMap<PartyIndex, number>): number => [...peers.values()].reduce((a, b) => a + b, 0);

const first: Round<Types> = {
  ...shared,
  name: "handover/1",
  echo: true,
  finish(state, peers) {
    return enter(second, { ...state, heard: sum(peers) }, outgoing(state, 1));
  },
};

const second: Round<Types> = {
  ...shared,
  name: "handover/2",
  echo: false,
  finish: ({ heard }, peers) => ({ kind: "done", result: heard + sum(peers) }),
};

/** Result: all that a party heard from others, in both rounds; 0 for a mere dealer. */
export const handoverProtocol: Protocol<HandoverConfig, number> = {
  id: "testing/handover/v1",
  rounds: [first, second],
  start(context, config) {
    const state = { context, config, heard: 0 };
    return enter(first, state, outgoing(state, 0));
  },
};
