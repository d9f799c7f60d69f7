/** Measures our protocols and their peers in one process, in turns, so that a ratio is never made from two runs. */
import type { KeygenConfig, Scheme } from "@conclave/keys";
import { Session, ssidFromAcks, type Effect, type Message, type PartyIndex, type Protocol } from "@conclave/protocol";
import { randomBytes } from "node:crypto";

/** One measured operation. All parties run in this thread. */
export interface Subject {
  readonly peer: string;
  readonly op: string;
  readonly n: number;
  readonly t: number;
  /** How many parties take part: n for keygen, t for sign. CPU time and bytes are divided by it. */
  readonly parties: number;
  /** Makes what one run needs and is not measured. */
  readonly prepare?: () => unknown;
  /** Runs the operation once. `bytes`: what all parties sent, a broadcast counted once per receiver, without framing. */
  readonly run: (prepared: unknown) => { readonly bytes: number };
}

/** One line of output, as the peer benchmarks print it. Times in milliseconds. */
export interface Line {
  readonly peer: string;
  readonly op: string;
  readonly n: number;
  readonly t: number;
  /** Wall time of all parties together. */
  readonly ms_median: number;
  readonly ms_min: number;
  /** User and system time of the process (collector and compiler threads included), per party. */
  readonly cpu_ms_per_party: number;
  readonly cpu_ms_per_party_min: number;
  /** What one party sends. */
  readonly bytes: number;
  readonly reps: number;
  readonly node: string;
}

interface Samples {
  readonly wallMs: number[];
  readonly cpuMs: number[];
  bytes: number;
}

/** Threshold and committee sizes that every benchmark covers: [n, t]. */
export const GRID = [
  [3, 2],
  [5, 3],
  [5, 4],
] as const;

/** How our CPU time and bytes per party compare with the peer's in the same run. */
export interface Ratio {
  readonly ratio: string;
  readonly op: string;
  readonly n: number;
  readonly t: number;
  readonly cpu_median: number;
  readonly cpu_min: number;
  readonly bytes: number;
}

/** What is kept and sent, in bytes. */
export interface Sizes {
  readonly peer: string;
  readonly op: "sizes";
  readonly n: number;
  readonly t: number;
  /** All that one party keeps for one key. */
  readonly share_bytes: number;
  /** One message, by round and part. */
  readonly message_bytes: Readonly<Record<string, number>>;
  /** Largest resident set of the process so far. */
  readonly peak_memory_kib: number;
}

export function ratioOf(ours: Line, peers: Line): Ratio {
  return {
    ratio: `${ours.peer} / ${peers.peer}`,
    op: ours.op,
    n: ours.n,
    t: ours.t,
    cpu_median: rounded(ours.cpu_ms_per_party / peers.cpu_ms_per_party),
    cpu_min: rounded(ours.cpu_ms_per_party_min / peers.cpu_ms_per_party_min),
    bytes: rounded(ours.bytes / peers.bytes),
  };
}

/** Runs all `subjects` alternately: first `warm` rounds unmeasured, then `reps` rounds. One line per subject, in order. */
export function measure(subjects: readonly Subject[], { warm, reps }: { warm: number; reps: number }): Line[] {
  const samples = subjects.map((): Samples => ({ wallMs: [], cpuMs: [], bytes: 0 }));
  for (let round = 0; round < warm + reps; round++) {
    for (const [i, subject] of subjects.entries()) sample(subject, samples[i]!, { keep: round >= warm });
  }
  return subjects.map(({ peer, op, n, t }, i) => {
    const { wallMs, cpuMs, bytes } = samples[i]!;
    return {
      peer,
      op,
      n,
      t,
      ms_median: rounded(median(wallMs)),
      ms_min: rounded(Math.min(...wallMs)),
      cpu_ms_per_party: rounded(median(cpuMs)),
      cpu_ms_per_party_min: rounded(Math.min(...cpuMs)),
      bytes: Math.round(bytes),
      reps,
      node: process.version,
    };
  });
}

function sample({ prepare, run, parties }: Subject, into: Samples, { keep }: { keep: boolean }): void {
  const prepared = prepare?.();
  const [cpuBefore, wallBefore] = [cpuMs(), performance.now()];
  const { bytes } = run(prepared);
  const [wallAfter, cpuAfter] = [performance.now(), cpuMs()];
  into.bytes = bytes / parties;
  if (!keep) return;
  into.wallMs.push(wallAfter - wallBefore);
  into.cpuMs.push((cpuAfter - cpuBefore) / parties);
}

// Not `threadCpuUsage`: it leaves out the collector, and under-reports on some virtual machines.
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** To three decimals. */
export const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Configs of n parties that make a key of which t sign. */
export function keygenConfigs(scheme: Scheme, n: number, t: number): ReadonlyMap<PartyIndex, KeygenConfig> {
  const parties = Array.from({ length: n }, (_, i) => (i + 1) as PartyIndex);
  const nodes = new Map(parties.map((party) => [party, new Uint8Array(32).fill(party)]));
  const config: KeygenConfig = { scheme, purpose: "wallet/regtest", threshold: t, quorum: t, nodes };
  return new Map(parties.map((party) => [party, config]));
}

/** What one run of a protocol by all its parties gave and sent. */
export interface Finished<Result> {
  readonly results: readonly Result[];
  /** Bodies of all messages, a broadcast counted once per receiver. */
  readonly bytes: number;
  /** Bytes of one message by round and part: `dkls23/sign/2-multiply direct`. */
  readonly byRound: Readonly<Record<string, number>>;
}

/** One real session per party, codecs and views included; messages arrive in order, commits are confirmed at once. */
export function runSessions<Config, Result>(
  protocol: Protocol<Config, Result>,
  configs: ReadonlyMap<PartyIndex, Config>,
): Finished<Result> {
  const committee = [...configs.keys()];
  const ssid = ssidFromAcks("ssid/session", {}, [randomBytes(32), randomBytes(32)]);
  const results: Result[] = [];
  const queue: { to: PartyIndex; message: Message }[] = [];
  const byRound: Record<string, number> = {};
  let bytes = 0;
  const sessions = new Map(
    committee.map((self) => [
      self,
      new Session({ protocol, context: { ssid, self, committee }, rng: (n: number) => new Uint8Array(randomBytes(n)) }),
    ]),
  );
  const carryOut = (from: PartyIndex, effects: readonly Effect<Result>[]): void => {
    for (const effect of effects) {
      if (effect.kind === "abort") throw new Error(`${protocol.id}: party ${from} aborted: ${effect.reason}`);
      if (effect.kind === "done") results.push(effect.result);
      if (effect.kind === "commit") carryOut(from, sessions.get(from)!.committed(effect.id));
      if (effect.kind !== "send") continue;
      byRound[`${effect.message.round} ${effect.message.part}`] = effect.message.body.length;
      for (const to of effect.receivers) {
        bytes += effect.message.body.length;
        // A session wipes the sealed bodies that it took, so each receiver gets bytes of its own, as from a network.
        queue.push({ to, message: { ...effect.message, from, body: effect.message.body.slice() } });
      }
    }
  };
  for (const [self, session] of sessions) carryOut(self, session.start(configs.get(self)!));
  for (let i = 0; i < queue.length; i++) {
    const { to, message } = queue[i]!;
    carryOut(to, sessions.get(to)!.handle(message));
  }
  if (results.length !== committee.length) throw new Error(`${protocol.id}: a party has no result`);
  return { results, bytes, byRound };
}
