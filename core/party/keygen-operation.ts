/** Key generation: every party of the invite takes part, and all certify what came out. */
import { equalBytes, fromHex } from "@conclave/bytes";
import type { NodeId } from "@conclave/consensus";
import { attemptId, type AttemptPlan, type AttemptSubject, type Member } from "@conclave/custody";
import { ssidFromAcks, type PartyIndex, type Protocol } from "@conclave/protocol";
import type { Clock, Timer } from "@conclave/node";
import type { Certificates } from "./certificates.ts";
import { PartyFailure } from "./failure.ts";
import { MAX_UNFINISHED, type HeldKey, type PartyKeys } from "./keys.ts";
import type { Meeting, Peer } from "./meeting.ts";
import type { Operation } from "./operation.ts";
import type { KeygenIntent } from "./presence.ts";
import type { PartyTimings } from "./timings.ts";

const ZEROS = new Uint8Array(32);

export interface KeygenParts {
  readonly meeting: Meeting;
  readonly keys: PartyKeys;
  readonly certificates: Certificates;
  readonly clock: Clock;
  readonly timings: PartyTimings;
  /** The share is on disk: say so. */
  readonly onPending: (held: HeldKey) => void;
  /** It may be time for another attempt. */
  readonly look: () => void;
}

/** The attempt that made the share that waits, while others may still be at its end. */
interface Finishing {
  readonly attempt: string;
  /** The processes that took part in it. */
  readonly runs: ReadonlyMap<NodeId, Uint8Array>;
  readonly timer: Timer;
}

export class KeygenOperation implements Operation {
  readonly members: readonly Member[];
  readonly #parts: KeygenParts;
  readonly #wasActive: boolean;
  /** Null once nobody can be finishing it any more. */
  #finishing: Finishing | null = null;

  constructor(parts: KeygenParts) {
    this.#parts = parts;
    this.#wasActive = this.#active !== undefined;
    this.members = parts.meeting.invite.cards.map(({ party, node }) => ({ index: party, node }));
  }

  get #active(): HeldKey | undefined {
    return this.#parts.keys.active(this.#parts.meeting.invite.hash);
  }

  get #pending(): HeldKey | undefined {
    return this.#parts.keys.pending(this.#parts.meeting.invite.hash);
  }

  /** Whether the key came into use just now. */
  get madeHere(): boolean {
    return this.finished && !this.#wasActive;
  }

  get finished(): boolean {
    return this.#active !== undefined;
  }

  get roundDeadlineMs(): number {
    return this.#parts.timings.keyRoundDeadlineMs;
  }

  intent(): KeygenIntent {
    const active = this.#active;
    const held = active ?? this.#pending;
    return { kind: "keygen", holds: held?.certificate ?? null, active: active !== undefined };
  }

  ready(fitting: readonly Peer[]): readonly Peer[] | null {
    if (fitting.length < this.members.length - 1) return null;
    const own = this.#pending;
    if (own === undefined) return fitting;
    // Everybody has a share of one ceremony: certificates are all that is lacking.
    if (fitting.every((peer) => holdsOf(peer, own.certificate))) return null;
    if (this.#finishing !== null && !fitting.some((peer) => this.#isLost(peer, own))) return null;
    return fitting;
  }

  /** Whether this party can never hold the share that waits here: it gave that attempt up, or forgot it. */
  #isLost(peer: Peer, own: HeldKey): boolean {
    if (this.#finishing === null || holdsOf(peer, own.certificate) || peer.presence === null) return false;
    const run = this.#finishing.runs.get(peer.node);
    const anew = run !== undefined && !equalBytes(run, peer.presence.run);
    return anew || peer.presence.gaveUp?.attempt === this.#finishing.attempt;
  }

  lacks(fitting: readonly Peer[]): readonly PartyIndex[] {
    const there = new Set(fitting.map(({ party }) => party));
    return this.#parts.meeting
      .peers()
      .map(({ party }) => party)
      .filter((party) => !there.has(party));
  }

  hopeless(peers: readonly Peer[], broken: ReadonlySet<NodeId>): PartyFailure | null {
    const bad = peers.filter(({ node }) => broken.has(node)).map(({ party }) => party);
    if (bad.length > 0)
      return new PartyFailure(
        "byzantine",
        `party ${bad.join(", ")} broke the protocol, and this key needs everybody: make another invite without it`,
      );
    const own = this.#pending;
    const ahead = peers.find(
      ({ presence }) =>
        presence?.intent.kind === "keygen" &&
        presence.intent.active &&
        !equalBytes(presence.intent.holds ?? ZEROS, own?.certificate ?? ZEROS),
    );
    if (ahead !== undefined)
      return new PartyFailure(
        "not-ready",
        `party ${ahead.party} uses a key of this invite that this party has no share of: its data are not those that it made the key with. Restore them, or make another invite`,
      );
    if (!this.#parts.keys.hasRoom(this.#parts.meeting.invite.hash))
      return new PartyFailure("failed", `${MAX_UNFINISHED} runs of this invite came to no end: make another invite`);
    return null;
  }

  plan(subject: AttemptSubject, coordinator: NodeId): AttemptPlan {
    const { keys, meeting } = this.#parts;
    const { invite } = meeting;
    const { scheme, threshold } = invite;
    const made = keys.schemeOf(scheme);
    const protocol = made.keygen as Protocol<unknown, unknown>;
    const nodes = new Map(this.members.map(({ index, node }) => [index, fromHex(node)]));
    // Nobody votes: whoever signs has approved.
    const config = { scheme, purpose: "messages" as const, threshold, quorum: threshold, nodes };
    const own = this.#pending;
    return {
      subject,
      coordinator,
      members: this.members,
      needed: this.members.length,
      height: 0,
      key: ZEROS,
      epoch: 0,
      purpose: null,
      holds: own === undefined ? [] : [own.certificate],
      edges: null,
      offers: null,
      finishHeld: () => this.#parts.certificates.certify(),
      sessions: (signers, acks) => {
        const suite = {
          suite: protocol.id,
          scheme,
          purpose: "messages",
          n: signers.length,
          threshold,
          quorum: threshold,
        };
        const fields = { ...suite, roster: invite.hash, request: subject.request, attempt: subject.attempt };
        return [{ protocol, ssid: ssidFromAcks("ssid/keygen", fields, acks), config }];
      },
      commit: () => ({ refused: null }),
      done: ([result]) => {
        this.#finishing = this.#finish(attemptId(subject));
        this.#done(keys.add(invite, made.made(result)));
      },
      // Nothing of a key that did not come to be is kept.
      distrust: () => {},
      convict: () => {},
    };
  }

  #done(held: HeldKey): void {
    this.#parts.onPending(held);
    this.#parts.certificates.certify();
  }

  /** Until everybody has had time for the end of an attempt, nobody begins another. */
  #finish(attempt: string): Finishing {
    const { clock, look, meeting, timings } = this.#parts;
    this.#finishing?.timer.cancel();
    const runs = meeting.peers().flatMap(({ node, presence }) => (presence ? [[node, presence.run] as const] : []));
    const timer = clock.schedule(timings.certifyDeadlineMs, () => {
      this.#finishing = null;
      look();
    });
    return { attempt, runs: new Map(runs), timer };
  }

  /** Certificates find their own way, whatever this party is doing. */
  receive(): void {}

  needing(peers: readonly Peer[]): readonly Peer[] {
    const active = this.#active;
    if (active === undefined) return [];
    return peers.filter(({ presence }) => {
      const intent = presence?.intent;
      return !(intent?.kind === "keygen"
        ? intent.active
        : intent?.kind === "sign" && equalBytes(intent.key, active.certificate));
    });
  }
}

const holdsOf = ({ presence }: Peer, certificate: Uint8Array): boolean =>
  presence?.intent.kind === "keygen" &&
  presence.intent.holds !== null &&
  equalBytes(presence.intent.holds, certificate);
