/** An attempt at the signatures of one revision: one session per input, all of them with the same signers. */
import { assert, fromHex, toHex, transcript } from "@conclave/bytes";
import { finalizePayment, inputDigests, SignatureRefused, type PaymentView } from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import { NO_TWEAK, type TweakContext } from "@conclave/crypto";
import { partyOf, type KeyShare, type Valid } from "@conclave/keys";
import { ascending, ssidFromAcks, type PartyIndex, type Ssid } from "@conclave/protocol";
import { planFrame, type AttemptPlan, type Member, type SessionPlan } from "./attempt-plan.ts";
import type { AttemptSubject } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import { nameOf, outpointsOf, signedName, type KnownMotion, type KnownRevision } from "./docket.ts";
import { sealEnvelope } from "./envelope.ts";
import { decideSign, decideSpend } from "./locks/index.ts";
import { resultCodec, type SignedResult } from "./results.ts";
import type { SigningScheme } from "./scheme.ts";

interface Task {
  readonly entry: KnownMotion;
  readonly known: KnownRevision;
  readonly subject: AttemptSubject;
}

interface SigningTask extends Task {
  readonly share: Valid<KeyShare>;
  readonly scheme: SigningScheme;
}

/** The plan, or why this node takes no part: the votes, the locks and the bans decide, as this node knows them now. */
export const planSigning = (parts: CeremonyParts, task: Task): AttemptPlan | string => {
  const { entry, subject } = task;
  const { keyOf, log, schemes, banned } = parts;
  const share = keyOf(entry.request.wallet);
  const scheme = schemes.find((candidate) => candidate.scheme === share?.record.scheme);
  if (share === undefined || scheme === undefined) return "this node has no active share of the key";
  const ask = signAsk(parts, task);
  const decision = ask && decideSign(log.state, ask);
  if (decision === undefined || !decision.ok)
    return decision?.reason ?? "the key is not active here, or a member of it is not in the roster";
  const excluded = banned();
  const members = share.record.parties
    .map(({ index, node }) => ({ index, node: toHex(node) as NodeId }))
    .filter(({ node }) => !excluded.has(node));
  const { threshold, epoch } = share.record;
  if (members.length < threshold) return "too few members are not banned";
  if (excluded.has(parts.identity.id))
    return "this node itself is banned: somebody speaks with its keys, or its disk went back";
  return {
    ...planFrame(parts, subject, members, entry.request.height, threshold),
    key: entry.request.wallet,
    epoch,
    purpose: null,
    holds: [],
    edges: scheme.edges === null ? null : parts.edges.live(entry.request.wallet),
    offers: offersFor(parts, { ...task, share, scheme }),
    finishHeld: () => {},
    sessions: (signers, acks, offer) => sessionPlans(parts, { ...task, share, scheme }, { signers, acks, offer }),
    commit: ({ ssid, presignature }, records) => {
      const { refused } = commitPartial(parts, task, { id: ssid, records });
      if (presignature !== undefined) presignatureEnded(parts, task, presignature, refused === null ? "used" : "burnt");
      return { refused };
    },
    done: (results, signers) =>
      signed(
        parts,
        task,
        results.map((result) => scheme.signature(result)),
        signers,
      ),
    distrust: ({ index }, reason, wires) => {
      if (scheme.edges !== null) parts.loseEdge(entry.request.wallet, index, { reason, wires });
    },
  };
};

/** L2's question, with the votes counted now. */
const signAsk = (parts: CeremonyParts, { entry, known, subject: { round } }: Task) => {
  const tally = parts.approvals.count.tally(entry, known, round);
  if (tally === undefined) return undefined;
  const name = nameOf(entry, known);
  const outpoints = outpointsOf(known);
  const approved = tally.verdict === "approved";
  return { ...name, txid: signedName(known), outpoints, anchor: null, tally: { ...name, round, approved } };
};

/** What each session of a revision signs: a payment's inputs in order, or the one hash of a message. */
const pieces = ({ content }: KnownRevision): readonly { hash: Uint8Array; tweak: TweakContext }[] =>
  content.kind === "message"
    ? [{ hash: content.hash, tweak: NO_TWEAK }]
    : inputDigests(content.view).map(({ digest, tweak }) => ({ hash: digest, tweak }));

/**
 * Presignatures for it: of the very key that signs, and for what every signer hashes itself (safety rule 7). In the first
 * attempt only, so that a liar who breaks them costs one attempt; what was offered and not used stays.
 */
function offersFor({ presignatures, reserved }: CeremonyParts, { entry, known, subject, scheme }: SigningTask) {
  const [piece, ...more] = pieces(known);
  if (scheme.presigning === null || piece === undefined || more.length > 0) return null;
  if (entry.request.kind === "digest" || subject.attempt > 0) return null;
  return presignatures.offers(entry.id, entry.request.wallet, { path: piece.tweak.path, except: reserved() });
}

/** Every field that could make two sessions alike is in the session id. */
const sessionId = (
  { entry, known, subject, share }: SigningTask,
  session: {
    readonly protocol: string;
    readonly input: number;
    readonly hash: Uint8Array;
    readonly tweak: TweakContext;
    readonly signers: readonly PartyIndex[];
    readonly acks: readonly Uint8Array[];
    readonly offer: Uint8Array | null;
  },
): Ssid => {
  const { protocol, input, hash, tweak, signers, acks, offer } = session;
  const fields = {
    protocol,
    presignature: offer ?? new Uint8Array(),
    key: entry.request.wallet,
    epoch: share.record.epoch,
    setup: share.record.certificate,
    request: entry.id,
    revision: known.digest,
    input,
    digest: hash,
    tweak: [...tweak.path, tweak.taproot === null ? "derived key" : "BIP341 key path"],
    height: entry.request.height,
    round: subject.round,
    attempt: subject.attempt,
    signers: ascending(signers),
  };
  return ssidFromAcks("ssid/session", fields, acks);
};

/** One session per input. */
const sessionPlans = (
  { edges, identity, presignatures }: CeremonyParts,
  task: SigningTask,
  { signers, acks, offer }: { signers: readonly PartyIndex[]; acks: readonly Uint8Array[]; offer: Uint8Array | null },
): readonly SessionPlan[] | string => {
  const { entry, known, share, scheme } = task;
  const self = partyOf(share.record, fromHex(identity.id))!.index;
  const peers = signers.filter((index) => index !== self);
  const ends = scheme.edges === null ? new Map<PartyIndex, unknown>() : edges.to(entry.request.wallet, peers);
  if (ends === null) return "an edge to one of the signers died meanwhile";
  const { presigning } = scheme;
  const plans: SessionPlan[] = [];
  for (const [input, { hash, tweak }] of pieces(known).entries()) {
    const protocol = presigning === null || offer === null ? scheme.protocol : presigning.finish;
    const ssid = sessionId(task, { protocol: protocol.id, input, hash, tweak, signers, acks, offer });
    const order = {
      key: entry.request.wallet,
      share,
      tweak,
      message: hash,
      approval: known.digest,
      edges: ends,
    };
    if (presigning === null || offer === null) {
      plans.push({ protocol, ssid, config: scheme.config(order) });
      continue;
    }
    const binding = transcript("custody/presignature", { digest: hash, revision: known.digest, ssid });
    const spent = presignatures.spend(offer, binding);
    if (spent === null) return "its presignature is gone: another attempt was quicker";
    plans.push({ protocol, ssid, config: presigning.finishConfig(order, spent.value), presignature: offer });
  }
  return plans;
};

/** L2 and L4 together, in one durable write, before the first partial for any input leaves. */
const commitPartial = (
  parts: CeremonyParts,
  task: Task,
  nonce: { readonly id: Uint8Array; readonly records: readonly Uint8Array[] },
): { readonly refused: string | null } => {
  const { log, emit } = parts;
  const ask = signAsk(parts, task);
  const signing = ask && decideSign(log.state, ask);
  if (signing === undefined || !signing.ok)
    return { refused: signing?.reason ?? "the key is not active here, or a member of it is not in the roster" };
  // One nonce per session, bound to the very list, digest and key that it answers.
  const binding = transcript("custody/nonce", { records: [...nonce.records] });
  const spending = decideSpend(log.state, { purpose: "nonce", id: nonce.id, binding });
  if (!spending.ok) {
    emit({ kind: "reuseRefused", purpose: "nonce", id: nonce.id, reason: spending.reason });
    return { refused: spending.reason };
  }
  log.commit([...signing.records, ...spending.records]);
  return { refused: null };
};

/** For the record, once the journal has it: a presignature that was taken out ends here, whatever becomes of the attempt. */
const presignatureEnded = (
  { emit }: CeremonyParts,
  { entry, known, subject: { attempt } }: Task,
  presignature: Uint8Array,
  end: "used" | "burnt",
): void =>
  emit({
    kind: "presignatureEnded",
    key: entry.request.wallet,
    presignature,
    end,
    use: { request: entry.id, revision: known.revision.number, attempt },
    // One partial signature, and one nonce of the presignature that it answers with.
    nonces: end === "used" ? 1 : 0,
  });

/** Everything has its signature: tell the members that did not sign, and publish. */
const signed = (
  parts: CeremonyParts,
  { entry, known }: Task,
  signatures: readonly Uint8Array[],
  signers: readonly Member[],
): void => {
  const { emit, identity, rosterHash, keyOf } = parts;
  const result = {
    request: entry.id,
    revision: known.revision.number,
    digest: known.digest,
    signatures,
    signers: signers.map(({ index }) => index),
  };
  const body = resultCodec.encode(result);
  const fields = { kind: "result" as const, request: entry.id, round: String(known.revision.number) };
  const { wire } = sealEnvelope(identity, rosterHash, fields, body);
  const members = keyOf(entry.request.wallet)!.record.parties.map(({ node }) => toHex(node) as NodeId);
  const others = members.filter((node) => !signers.some((signer) => signer.node === node) && node !== identity.id);
  if (others.length > 0) emit({ kind: "send", to: others, wire, topic: `result:${toHex(entry.id)}`, statement: true });
  publish(parts, entry, known, result);
};

/** Verify a complete set of signatures and hand what they complete to the host. Throws `SignatureRefused`. */
export const publish = (parts: CeremonyParts, entry: KnownMotion, known: KnownRevision, result: SignedResult): void => {
  const { emit, keyOf, storage } = parts;
  const { content } = known;
  const outcome =
    content.kind === "payment"
      ? completePayment(content.view, result.signatures)
      : completeMessage(parts, entry, content.hash, result.signatures);
  const members = keyOf(entry.request.wallet)?.record.parties ?? [];
  const named = members.filter(({ index }) => result.signers.includes(index));
  const signers = named.map(({ node }) => toHex(node) as NodeId);
  const sealed = storage.seal(resultCodec.encode(result));
  emit({ ...outcome, request: entry.id, revision: known.revision.number, signers, sealed });
};

const completePayment = (view: PaymentView, signatures: readonly Uint8Array[]) => {
  const { rawTx, txid } = finalizePayment(view, signatures);
  assert(txid === view.txid, "the transaction is the approved one");
  return { kind: "signed" as const, rawTx, txid };
};

const completeMessage = (
  { engine, keyOf, schemes }: CeremonyParts,
  entry: KnownMotion,
  hash: Uint8Array,
  [signature, ...more]: readonly Uint8Array[],
) => {
  const record = keyOf(entry.request.wallet)?.record;
  const scheme = schemes.find((candidate) => candidate.scheme === record?.scheme);
  const verifies =
    record !== undefined && signature !== undefined && scheme?.verify(record.publicKey, hash, signature) === true;
  if (!verifies || more.length > 0) throw new SignatureRefused([], "the signature of the message does not verify");
  return { kind: "messageSigned" as const, hash, signature, publicKey: engine.secp256k1.encode(record.publicKey) };
};
