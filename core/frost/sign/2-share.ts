/** RFC 9591 §5.2–5.3, round two: every signer publishes its signature share, and every signer aggregates and verifies. */
import { assert, codec, record } from "@conclave/bytes";
import { scalarSchema } from "@conclave/crypto";
import { enter, Fault, type Context, type PartyIndex, type Round, type Step } from "@conclave/protocol";
import { verifySignatureShare } from "../signature-share.ts";
import { aggregate, verify } from "../signature.ts";
import { preparePackage, type PreparedPackage } from "../signing-package.ts";
import type { Suite } from "../suite.ts";
import { nonceRecord } from "./nonce-record.ts";
import { sharedViewCodec, type SharedView } from "./statement.ts";

/** Holds no secret: nonces and share were spent and overwritten when z_i was made. */
export interface ShareState {
  readonly context: Context;
  readonly view: SharedView;
  readonly prepared: PreparedPackage;
  /** Own z_i. */
  readonly own: bigint;
}

interface SignatureShare {
  /** z_i */
  readonly share: bigint;
}

interface ShareTypes {
  state: ShareState;
  publicState: SharedView;
  broadcast: SignatureShare;
  direct: null;
  checked: SignatureShare;
  result: Uint8Array;
}

/** Publish z_i, once the record of what the nonce was spent on is durable. */
export const enterShare = (suite: Suite, state: ShareState): Step<Uint8Array> =>
  enter(shareRound(suite), state, { broadcast: { share: state.own } }, [
    nonceRecord(suite, state.context.ssid, state.view),
  ]);

export function shareRound(suite: Suite): Round<ShareTypes> {
  return {
    name: "frost/sign/2",
    broadcast: codec(record({ share: scalarSchema(suite.group) })),
    direct: null,
    echo: false,
    // The signature proves all shares at once; they are judged one by one (RFC 9591 §5.4) only if it does not verify.
    judging: "on-failure",
    publicState: sharedViewCodec(suite),
    open: ({ view }) => view,
    senders: ({ context }) => context.committee,
    receivers: ({ context }) => context.committee,
    checkPublic(view, from, { share }) {
      const publicShare = view.publicShares.get(from);
      // Its own signed view says so: an honest party is a signer of every view that it sends under.
      if (publicShare === undefined) throw new Fault("public", "sent a signature share without being a signer");
      if (!verifySignatureShare(suite, preparePackage(suite, view), { party: from, publicShare, share })) {
        throw new Fault("public", "signature share does not verify");
      }
    },
    checkPrivate: (_state, _from, share) => share,
    finish: (state, peers) => ({ kind: "done", result: conclude(suite, state, peers) }),
    wipe: () => {},
  };
}

/** Aggregate and verify. No bytes that are not a valid signature ever leave this function. */
function conclude(
  suite: Suite,
  { context, view, prepared, own }: ShareState,
  peers: ReadonlyMap<PartyIndex, SignatureShare>,
): Uint8Array {
  const shares = new Map([...peers].map(([party, { share }]) => [party, share])).set(context.self, own);
  const signature = aggregate(suite, prepared, shares);
  if (verify(suite, view.publicKey, view.message, signature)) return signature;
  const publicShare = view.publicShares.get(context.self)!;
  assert(
    verifySignatureShare(suite, prepared, { party: context.self, publicShare, share: own }),
    "our own signature share verifies: the stored share belongs to its public share",
  );
  throw new Fault("mismatch", "every signature share verifies but the signature does not");
}
