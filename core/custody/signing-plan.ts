/** An attempt at the signatures of one revision: one session per input, all of them with the same signers. */
import { assert, toHex, transcript } from "@conclave/bytes";
import { finalizePayment, inputDigests } from "@conclave/bitcoin";
import type { NodeId } from "@conclave/consensus";
import type { KeyShare, Valid } from "@conclave/keys";
import { ascending, ssidFromAcks, type PartyIndex } from "@conclave/protocol";
import { planFrame, type AttemptPlan, type Member, type SessionPlan } from "./attempt-plan.ts";
import type { AttemptSubject } from "./attempts.ts";
import type { CeremonyParts } from "./ceremony-parts.ts";
import { nameOf, type KnownPayment, type KnownRevision } from "./docket.ts";
import { sealEnvelope } from "./envelope.ts";
import { decideSign, decideSpend } from "./locks/index.ts";
import { resultCodec, type SignedResult } from "./results.ts";
import type { SigningScheme } from "./scheme.ts";

interface Task {
  readonly entry: KnownPayment;
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
    finishHeld: () => {},
    sessions: (signers, acks) => sessionPlans({ ...task, share, scheme }, signers, acks),
    commit: ({ ssid }, records) => commitPartial(parts, task, { id: ssid, records }),
    done: (results, signers) =>
      signed(
        parts,
        task,
        results.map((result) => scheme.signature(result)),
        signers,
      ),
  };
};

/** L2's question, with the votes counted now. */
const signAsk = (parts: CeremonyParts, { entry, known, subject: { round } }: Task) => {
  const tally = parts.approvals.tally(entry, known, round);
  if (tally === undefined) return undefined;
  const name = nameOf(entry, known);
  const outpoints = known.view.inputs.map(({ outpoint }) => outpoint);
  const approved = tally.verdict === "approved";
  return { ...name, txid: known.view.txid, outpoints, anchor: null, tally: { ...name, round, approved } };
};

/** One session per input. Every field that could make two of them alike is in the session id. */
const sessionPlans = (
  { entry, known, subject, share, scheme }: SigningTask,
  signers: readonly PartyIndex[],
  acks: readonly Uint8Array[],
): readonly SessionPlan[] =>
  inputDigests(known.view).map(({ digest, branch, index }, input) => {
    const tweak = { path: [branch, index], taproot: { merkleRoot: null } };
    const ssid = ssidFromAcks(
      "ssid/session",
      {
        protocol: scheme.protocol.id,
        key: entry.request.wallet,
        epoch: share.record.epoch,
        setup: share.record.certificate,
        request: entry.id,
        revision: known.digest,
        input,
        tweak: [branch, index, "BIP341 key path"],
        height: entry.request.height,
        round: subject.round,
        attempt: subject.attempt,
        signers: ascending(signers),
      },
      acks,
    );
    const config = scheme.config({
      key: entry.request.wallet,
      share,
      tweak,
      message: digest,
      approval: known.digest,
    });
    return { protocol: scheme.protocol, ssid, config };
  });

/** L2 and L4 together, in one durable write, before the first partial for any input leaves. */
const commitPartial = (
  parts: CeremonyParts,
  task: Task,
  nonce: { readonly id: Uint8Array; readonly records: readonly Uint8Array[] },
): { readonly refused: string | null } => {
  const { log } = parts;
  const ask = signAsk(parts, task);
  const signing = ask && decideSign(log.state, ask);
  if (signing === undefined || !signing.ok)
    return { refused: signing?.reason ?? "the key is not active here, or a member of it is not in the roster" };
  // One nonce per session, bound to the very list, digest and key that it answers.
  const binding = transcript("custody/nonce", { records: [...nonce.records] });
  const spending = decideSpend(log.state, { purpose: "nonce", id: nonce.id, binding });
  if (!spending.ok) return { refused: spending.reason };
  log.commit([...signing.records, ...spending.records]);
  return { refused: null };
};

/** Every input has its signature: tell the members that did not sign, and publish. */
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

/** Verify a complete set of signatures and hand the transaction to the host. Throws `SignatureRefused`. */
export const publish = (
  parts: CeremonyParts,
  entry: KnownPayment,
  known: KnownRevision,
  result: SignedResult,
): void => {
  const { emit, keyOf, storage } = parts;
  const { rawTx, txid } = finalizePayment(known.view, result.signatures);
  assert(txid === known.view.txid, "the transaction is the approved one");
  const members = keyOf(entry.request.wallet)?.record.parties ?? [];
  const named = members.filter(({ index }) => result.signers.includes(index));
  const signers = named.map(({ node }) => toHex(node) as NodeId);
  const sealed = storage.seal(resultCodec.encode(result));
  emit({ kind: "signed", request: entry.id, revision: known.revision.number, rawTx, txid, signers, sealed });
};
