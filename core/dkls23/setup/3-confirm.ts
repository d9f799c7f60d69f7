/** DKLS23 setup, round 3: both ends of every pair publish the hash of its seed, so that a difference shows now. */
import { codec, equalBytes, fixedBytes, record, transcript } from "@conclave/bytes";
import { Fault, partyMap, type Context, type PartyIndex, type Round } from "@conclave/protocol";
import type { Edge } from "../edge.ts";
import type { Erasure } from "../erasure.ts";
import type { SetupResult } from "./config.ts";
import { setupStatementCodec, type SetupStatement } from "./statement.ts";

type Confirmations = ReadonlyMap<PartyIndex, Uint8Array>;

export interface ConfirmState {
  readonly context: Context;
  readonly statement: SetupStatement;
  /** In `erasure`: the result gets copies. */
  readonly edges: ReadonlyMap<PartyIndex, Edge>;
  readonly own: Confirmations;
  readonly erasure: Erasure;
}

interface ConfirmTypes {
  state: ConfirmState;
  publicState: SetupStatement;
  broadcast: { readonly confirmations: Confirmations };
  direct: null;
  checked: Confirmations;
  result: SetupResult;
}

export const confirmRound: Round<ConfirmTypes> = {
  name: "dkls23/setup/3-confirm",
  broadcast: codec(record({ confirmations: partyMap(fixedBytes(32)) })),
  direct: null,
  echo: true,
  judging: "each",
  publicState: setupStatementCodec,
  open: ({ statement }) => statement,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic({ committee }, from, { confirmations }) {
    const peers = committee.filter((party) => party !== from);
    if ([...confirmations.keys()].join() !== peers.join()) {
      throw new Fault("public", "does not confirm one seed per other party");
    }
  },
  checkPrivate: (_state, _from, { confirmations }) => confirmations,
  finish: (state, peers) => ({ kind: "done", result: conclude(state, peers) }),
  wipe: ({ erasure }) => erasure.run(),
};

function conclude(
  { context, statement, edges, own }: ConfirmState,
  peers: ReadonlyMap<PartyIndex, Confirmations>,
): SetupResult {
  const { setup } = statement;
  const all = new Map(context.committee.map((party) => [party, party === context.self ? own : peers.get(party)!]));
  for (const [party, confirmations] of all) {
    for (const [peer, confirmation] of confirmations) {
      if (!equalBytes(confirmation, all.get(peer)!.get(party)!)) {
        throw new Fault("mismatch", `the seeds of ${Math.min(party, peer)} and ${Math.max(party, peer)} differ`);
      }
    }
  }
  const entries = [...all].map(([party, confirmations]) => [party, [...confirmations.values()]]);
  return {
    setup,
    transcript: transcript("dkls23/setup/transcript", { setup, entries }),
    edges: new Map([...edges].map(([peer, edge]) => [peer, copyOf(edge)])),
  };
}

const copyOf = ({ peer, setup, sending, receiving, zeroSeed }: Edge): Edge => ({
  peer,
  setup: setup.slice(),
  sending: { leaves: sending.leaves.slice(), missing: sending.missing.slice() },
  receiving: { leaves: receiving.leaves.slice() },
  zeroSeed: zeroSeed.slice(),
});
