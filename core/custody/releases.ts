/**
 * How a request's locks are freed before their time: by promises never to sign, or by what is buried in the chain. Nothing is
 * freed on anybody's word: what is shown is verified here, and the rules of the locks decide what follows from it.
 */
import { concatBytes, toHex, transcript } from "@conclave/bytes";
import { networks, outpointKey, spends, verifyInclusion, type InclusionClaim } from "@conclave/bitcoin";
import { nameOf, signedName, type KnownMotion, type KnownRevision } from "./docket.ts";
import type { Emit } from "./events.ts";
import { decideRelease, intentOf, type ReleaseEvidence } from "./locks/index.ts";
import type { SafetyLog } from "./safety-log.ts";
import type { CustodySettings } from "./settings.ts";

export interface ReleaseParts {
  readonly settings: Pick<CustodySettings, "burialDepth" | "network">;
  readonly log: SafetyLog;
  readonly emit: Emit;
  readonly motion: (id: Uint8Array) => KnownMotion | undefined;
  /** Whether the votes approve a revision. */
  readonly isApproved: (entry: KnownMotion, known: KnownRevision) => boolean;
}

export class Releases {
  readonly #parts: ReleaseParts;

  constructor(parts: ReleaseParts) {
    this.#parts = parts;
  }

  /** Free what verified evidence decides, durably. */
  by(evidence: ReleaseEvidence): void {
    const { log, emit } = this.#parts;
    const decision = decideRelease(log.state, evidence);
    if (!decision.ok || decision.records.length === 0) return;
    log.commit(decision.records);
    emit({ kind: "released", request: evidence.intent, reason: evidence.reason });
  }

  /**
   * Free what a buried transaction decides, after checking the proof: our own payment ends the request; a foreign spend of
   * the anchor makes every revision that needs it impossible. Throws `InclusionRefused` on a proof that does not hold.
   */
  bySpend(id: Uint8Array, claim: Omit<InclusionClaim, "depth" | "network">): void {
    const entry = this.#parts.motion(id);
    if (entry?.request.kind !== "payment") return;
    const { burialDepth, network } = this.#parts.settings;
    const { txid } = verifyInclusion({ ...claim, depth: burialDepth, network: networks[network] });
    const common = {
      wallet: entry.request.wallet,
      intent: entry.id,
      proof: transcript("custody/burial", { rawTx: claim.rawTx, headers: concatBytes(...claim.headers) }),
    };
    const paid = [...entry.revisions.values()].find((known) => signedName(known) === txid);
    if (paid !== undefined && this.#wasApproved(entry, paid)) return this.by({ ...common, reason: "buried-payment" });
    const anchor = intentOf(this.#parts.log.state, common)?.anchor;
    const outpoint = spends(claim.rawTx).outpoints.find((spent) => outpointKey(spent) === anchor);
    if (outpoint !== undefined) this.by({ ...common, reason: "foreign-spend", outpoint, spender: txid });
  }

  /** Anybody can propose the PSBT of another, finished payment as a revision: only what was voted for pays a request. */
  #wasApproved(entry: KnownMotion, known: KnownRevision): boolean {
    const own = intentOf(this.#parts.log.state, nameOf(entry, known))?.contents.get(known.revision.number);
    return own?.digest === toHex(known.digest) || this.#parts.isApproved(entry, known);
  }
}
