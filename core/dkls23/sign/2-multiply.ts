/** DKLS23 signing, round 2: every ordered pair begins a multiplication; its receiver sends the OT extension. */
import { codec, transcript, type Rng } from "@conclave/bytes";
import {
  answerMultiply,
  checkExtension,
  extensionSchema,
  mod,
  wipeExtension,
  type CheckedExtension,
  type Engine,
  type ExtensionMessage,
  type MultiplyReceiver,
} from "@conclave/crypto";
import { enter, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import { asCheat } from "../cheat-fault.ts";
import type { Edge } from "../edge.ts";
import { encodePoints, type EncodedPoint } from "../encoded-point.ts";
import type { Erasure } from "../erasure.ts";
import { openRound, type OpenState, type SealedOpening } from "./3-open.ts";
import type { Goal } from "./goal.ts";
import { agreementCodec, type Agreement, type Opening } from "./statement.ts";

export interface MultiplyState {
  readonly context: Context;
  readonly edges: ReadonlyMap<PartyIndex, Edge>;
  readonly agreement: Agreement;
  /** Hash of the agreement: every multiplication and every share of zero of this session is bound to it. */
  readonly digest: Uint8Array;
  readonly R: EncodedPoint;
  readonly secrets: MultiplySecrets;
  /** Own ends of the multiplications in which the peer is the sender; χ_ij is their `b`. */
  readonly receivers: Map<PartyIndex, MultiplyReceiver>;
  readonly erasure: Erasure;
}

/** Encoded scalars and bytes, all in the state's `erasure`. */
export interface MultiplySecrets {
  /** r_i */
  readonly nonce: Uint8Array;
  /** φ_i */
  readonly phi: Uint8Array;
  /** blind_i */
  readonly blind: Uint8Array;
  /** sk_i */
  readonly sk: Uint8Array;
}

interface MultiplyTypes<Result> {
  state: MultiplyState;
  publicState: Agreement;
  broadcast: null;
  direct: ExtensionMessage;
  checked: CheckedExtension;
  result: Result;
}

/** The session id of one multiplication: another for each direction of each pair, each run and each edge. */
export const multiplySession = (
  digest: Uint8Array,
  { setup, sender, receiver }: { setup: Uint8Array; sender: PartyIndex; receiver: PartyIndex },
): Uint8Array => transcript("dkls23/sign/multiply", { digest, setup, sender, receiver });

/** The session in which this party is the sender, and `peer` the receiver. */
const sendingSession = ({ context, edges, digest }: MultiplyState, peer: PartyIndex): Uint8Array =>
  multiplySession(digest, { setup: edges.get(peer)!.setup, sender: context.self, receiver: peer });

export const multiplyRound = <Result>(engine: Engine, goal: Goal<Result>): Round<MultiplyTypes<Result>> => ({
  name: `dkls23/${goal.name}/2-multiply`,
  broadcast: null,
  direct: codec(extensionSchema),
  echo: false,
  judging: "each",
  publicState: agreementCodec(engine.secp256k1),
  open: ({ agreement }) => agreement,
  senders: ({ context }) => context.committee,
  receivers: ({ context }) => context.committee,
  checkPublic: () => {},
  checkPrivate(state, from, _broadcast, message) {
    // SoftSpoken's consistency check: whoever fails it may have learnt bits of our leaves' choice, and tries again.
    const extension = asCheat(() =>
      checkExtension(engine, sendingSession(state, from), state.edges.get(from)!.sending, message),
    );
    state.erasure.with(() => wipeExtension(extension));
    return extension;
  },
  finish: (state, extensions, rng) => answer(engine, goal, { state, extensions }, rng),
  wipe: ({ erasure }) => erasure.run(),
});

/** Every extension is consistent: bring r_i and sk_i into every multiplication, and open R_i. */
function answer<Result>(
  engine: Engine,
  goal: Goal<Result>,
  { state, extensions }: { state: MultiplyState; extensions: ReadonlyMap<PartyIndex, CheckedExtension> },
  rng: Rng,
): Step<Result> {
  const group = engine.secp256k1;
  const { R, secrets, receivers, erasure } = state;
  const inputs = [group.decodeScalar(secrets.nonce), group.decodeScalar(secrets.sk)] as const;
  const phi = group.decodeScalar(secrets.phi);
  const answers = [...extensions].map(([peer, extension]) => {
    const { message, c } = answerMultiply(engine, sendingSession(state, peer), extension, inputs, rng);
    wipeExtension(extension);
    return { peer, multiply: message, c, psi: mod(phi - receivers.get(peer)!.b, group.order) };
  });
  // pk_i = sk_i·G, Γ^u = c_u·G, Γ^v = c_v·G for each peer.
  const products = [inputs[1], ...answers.flatMap(({ c }) => c)].map((k) => group.multiplyBaseSecret(k));
  const [pk, ...gammas] = encodePoints(group, products);
  const direct = new Map<PartyIndex, SealedOpening>(
    answers.map(({ peer, multiply, psi }, i) => [
      peer,
      { multiply, gammaU: gammas[2 * i]!, gammaV: gammas[2 * i + 1]!, psi },
    ]),
  );
  const total = (which: 0 | 1): Uint8Array =>
    erasure.buffer(group.encodeScalar(answers.reduce((sum, { c }) => mod(sum + c[which], group.order), 0n)));
  const own: Opening = { R, blind: secrets.blind.slice(), pk: pk! };
  const next: OpenState = { ...state, own, cU: total(0), cV: total(1) };
  return enter(openRound(engine, goal), next, { broadcast: own, direct });
}
