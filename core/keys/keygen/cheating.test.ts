/** One party cheats in key generation: each lie meets the check that is there for it, and nobody honest is blamed. */
import { testSecp256k1 } from "../testing/index.ts";
import { transcript } from "@conclave/bytes";
import { ed25519Group, evaluate, mod, randomScalar, sumCommitments, type Polynomial } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { Fault, roundOf, type Abort, type PartyIndex } from "@conclave/protocol";
import {
  cheat,
  CALM,
  interceptSteps,
  parties,
  simulate,
  type Rewrite,
  type Simulation,
} from "@conclave/protocol/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keygenProtocol, type KeyShare } from "../index.ts";
import { dealing, honestDealing, judgeFromOutside, keygenRun, sharesOf, withPolynomial } from "../testing/index.ts";
import type { Dealing, Opening } from "./dealing.ts";

const [one, two, three] = parties(1, 2, 3) as [PartyIndex, PartyIndex, PartyIndex];
const cheater = two;
const honest = [one, three];
const [COMMIT, OPEN, PROVE, CONFIRM] = ["keygen/1-commit", "keygen/2-open", "keygen/3-prove", "keygen/4-confirm"];

for (const group of [testSecp256k1, ed25519Group]) {
  const run = keygenRun(group, { n: 3, t: 2, seed: "cheating" });
  const codecOf = (round: string) => roundOf(keygenProtocol(group), round)!.broadcast!;

  /** Honest parties' ends; all of them have to be aborts. */
  const abortsOf = ({ outcomes }: Pick<Simulation<KeyShare>, "outcomes">): readonly Abort[] =>
    honest.map((party) => {
      const outcome = outcomes.get(party)!;
      assert.ok(outcome.kind === "abort", `party ${party} ended with ${outcome.kind}`);
      return outcome;
    });

  /** Every honest party names the cheater for this reason, and so does a judge who sees nothing but the evidence. */
  const convicted = (simulation: Simulation<KeyShare>, reason: string): void => {
    for (const [i, abort] of abortsOf(simulation).entries()) {
      assert.equal(abort.reason, reason);
      assert.equal(abort.fault, "public");
      assert.deepEqual(abort.culprits, [cheater]);
      assert.equal(judgeFromOutside(group, simulation, { abort, ssid: run.ssid, at: honest[i]! }), reason);
    }
  };

  const mismatch = (simulation: Simulation<KeyShare>, reason: RegExp): void => {
    const aborts = abortsOf(simulation);
    for (const { culprits } of aborts) assert.deepEqual(culprits, []);
    const loud = aborts.filter(({ fault }) => fault !== "silence");
    assert.ok(loud.length > 0);
    for (const abort of loud) {
      assert.equal(abort.fault, "mismatch");
      assert.match(abort.reason, reason);
    }
  };

  /** The cheater rewrites what it says to all (or to one) in one round; `afterwards` it insists. */
  const rewriting = (
    round: string,
    change: (broadcast: never) => unknown,
    options: { readonly to?: PartyIndex; readonly protocol?: typeof run.protocol } = {},
  ): Simulation<KeyShare> => {
    const { to, protocol = run.protocol } = options;
    const codec = codecOf(round);
    const body = (bytes: Uint8Array): Uint8Array => codec.encode(change(codec.decode(bytes) as never));
    const rewrite: Rewrite = { round, part: "broadcast", body, ...(to === undefined ? {} : { to }) };
    return cheat({ ...run, protocol, cheater, rewrite }).simulation;
  };

  /** The cheater deals otherwise from the start. Openings do not reach it: its own session would trip over its lie. */
  const dealingOtherwise = (change: (own: Dealing) => Dealing, { deaf = false } = {}): Simulation<KeyShare> =>
    simulate({
      ...run,
      schedule: CALM,
      protocol: dealing(group, cheater, change),
      tamper: (message, to) => (deaf && to === cheater && message.round === OPEN ? [] : [message]),
      liar: cheater,
    });

  describe(`cheating in key generation on ${group.name}`, () => {
    describe("round 1", () => {
      test("two commitments, one for each: echo mismatch, nobody is blamed and nobody has a key", () => {
        const other = { V: transcript("testing/other", {}) };
        mismatch(
          rewriting(COMMIT, () => other, { to: one }),
          /saw other broadcasts/,
        );
      });

      test("a copy of another party's commitment cannot be opened, not even by a copy of its opening", () => {
        const victim = honestDealing(run, one);
        const protocol = interceptSteps(run.protocol, (step, { self }) => {
          if (self !== cheater || step.round.name !== COMMIT) return step;
          const state = { ...(step.state as object), dealing: victim };
          const { V } = codecOf(COMMIT).decode(copied()) as { V: Uint8Array };
          return { ...step, state: { ...state, own: V }, outgoing: { ...step.outgoing, broadcast: copied() } };
        });
        convicted(
          simulate({ ...run, protocol, schedule: CALM, liar: cheater }),
          "opens something else than it committed to",
        );
      });

      const copied = (): Uint8Array => {
        const honestRun = simulate({ ...run, schedule: CALM });
        const sent = honestRun.trace.find(
          (event) => event.kind === "send" && event.message.from === one && event.message.round === COMMIT,
        );
        assert.ok(sent?.kind === "send");
        return sent.message.body;
      };
    });

    describe("round 2", () => {
      test('"opens something else than it committed to", in every field of the opening', () => {
        const other = honestDealing(keygenRun(group, { n: 3, t: 2, seed: "another" }), cheater).opening;
        for (const field of Object.keys(other) as (keyof Opening)[]) {
          const simulation = rewriting(OPEN, (opening: Opening) => ({ ...opening, [field]: other[field] }));
          convicted(simulation, "opens something else than it committed to");
        }
      });

      test("a rogue key, chosen after the others opened, is not what was committed to", () => {
        const target = group.multiplyBase(7n);
        const others = honest.map((party) => honestDealing(run, party).opening.F);
        const rogue = group.add(target, group.negate(sumCommitments(group, others)[0]!));
        const simulation = rewriting(OPEN, (opening: Opening) => ({ ...opening, F: [rogue, ...opening.F.slice(1)] }));
        convicted(simulation, "opens something else than it committed to");
      });

      test('"polynomial of another degree than agreed": t − 1, t + 1 and 32 coefficients', () => {
        for (const length of [1, 3, 32]) {
          const polynomial = Array.from({ length }, (_, k) => BigInt(k + 2));
          const simulation = dealingOtherwise((own) => withPolynomial(group, own, polynomial), { deaf: true });
          convicted(simulation, "polynomial of another degree than agreed");
        }
      });

      test('"not one proof nonce per coefficient"', () => {
        for (const count of [1, 3]) {
          const simulation = dealingOtherwise(
            (own) => {
              const A = Array.from({ length: count }, () => own.opening.A[0]!);
              return { ...own, opening: { ...own.opening, A } };
            },
            { deaf: true },
          );
          convicted(simulation, "not one proof nonce per coefficient");
        }
      });

      test('"the contributions cancel out": in the constant term or in a higher one, which nobody can be blamed for', () => {
        const others = honest.map((party) => honestDealing(run, party).polynomial);
        for (const k of [0, 1]) {
          const cancelling = mod(-others.reduce((sum, polynomial) => sum + polynomial[k]!, 0n), group.order);
          const simulation = dealingOtherwise((own) =>
            withPolynomial(
              group,
              own,
              own.polynomial.map((value, at) => (at === k ? cancelling : value)),
            ),
          );
          mismatch(simulation, /^the contributions cancel out$/);
        }
      });
    });

    describe("round 3", () => {
      type Proofs = { readonly proofs: readonly bigint[]; readonly complaints: readonly PartyIndex[] };

      test('"not one proof per coefficient"', () => {
        for (const proofs of [[], [1n], [1n, 2n, 3n]]) {
          convicted(
            rewriting(PROVE, (own: Proofs) => ({ ...own, proofs })),
            "not one proof per coefficient",
          );
        }
      });

      test('"proof of a coefficient does not verify": each coefficient by itself', () => {
        for (const k of [0, 1]) {
          const simulation = rewriting(PROVE, ({ proofs, complaints }: Proofs) => ({
            proofs: proofs.map((z, at) => (at === k ? mod(z + 1n, group.order) : z)),
            complaints,
          }));
          convicted(simulation, "proof of a coefficient does not verify");
        }
      });

      test("a proof of one coefficient does not serve for another, nor another party's proof, nor last session's", () => {
        const convictedWith = (proofs: readonly bigint[]): void =>
          convicted(
            rewriting(PROVE, (own: Proofs) => ({ ...own, proofs })),
            "proof of a coefficient does not verify",
          );
        const [own, theirs, old] = [
          sentProofs(run, cheater),
          sentProofs(run, one),
          sentProofs(keygenRun(group, { n: 3, t: 2, seed: "last session" }), cheater),
        ];
        convictedWith(own.toReversed());
        convictedWith(theirs);
        convictedWith(old);
      });

      const sentProofs = (of: typeof run, party: PartyIndex): readonly bigint[] => {
        const { trace } = simulate({ ...of, schedule: CALM });
        const sent = trace.find(
          (event) => event.kind === "send" && event.message.from === party && event.message.round === PROVE,
        );
        assert.ok(sent?.kind === "send");
        return (codecOf(PROVE).decode(sent.message.body) as Proofs).proofs;
      };

      test("a rogue key that was committed to from the start fails for want of its logarithm", () => {
        const target = group.multiplyBase(7n);
        const others = honest.map((party) => honestDealing(run, party).opening.F);
        const rogue = group.add(target, group.negate(sumCommitments(group, others)[0]!));
        const simulation = dealingOtherwise((own) => ({
          ...own,
          opening: { ...own.opening, F: [rogue, ...own.opening.F.slice(1)] },
        }));
        convicted(simulation, "proof of a coefficient does not verify");
      });

      test('"complains about itself, a stranger, or out of order"', () => {
        for (const complaints of [[cheater], parties(4), parties(32), [three, one], [one, one]]) {
          convicted(
            rewriting(PROVE, (own: Proofs) => ({ ...own, complaints })),
            "complains about itself, a stranger, or out of order",
          );
        }
      });

      test("a complaint told to one party only: echo mismatch, nobody is blamed and nobody has a key", () => {
        mismatch(
          rewriting(PROVE, (own: Proofs) => ({ ...own, complaints: [three] }), { to: one }),
          /saw other broadcasts/,
        );
      });
    });

    describe("round 4", () => {
      test('"a share came out as zero": nobody can be blamed for it', () => {
        const others = honest.map((party) => honestDealing(run, party).polynomial);
        const known = others.reduce((sum, polynomial) => sum + evaluate(group, polynomial, one), 0n);
        // f(1) = −Σ f_k(1): a + b with b free.
        const b = randomScalar(group, seededRng("zero share"));
        const line: Polynomial = [mod(-known - b, group.order), b];
        mismatch(
          dealingOtherwise((own) => withPolynomial(group, own, line)),
          /^a share came out as zero$/,
        );
      });

      test('"proof of its share does not verify": wrong, or another party\'s', () => {
        const wrong = rewriting(CONFIRM, ({ proof }: { proof: bigint }) => ({ proof: mod(proof + 1n, group.order) }));
        convicted(wrong, "proof of its share does not verify");
        const theirs = simulate({ ...run, schedule: CALM }).trace.find(
          (event) => event.kind === "send" && event.message.from === one && event.message.round === CONFIRM,
        );
        assert.ok(theirs?.kind === "send");
        const copied = rewriting(CONFIRM, () => codecOf(CONFIRM).decode(theirs.message.body));
        convicted(copied, "proof of its share does not verify");
      });
    });

    test("parties that agreed on different nodes or quorums end with different certificates, so none of them activates", () => {
      const config = run.configs.get(one)!;
      const nodes = new Map(config.nodes).set(three, transcript("testing/impostor", {}));
      for (const other of [
        { ...config, quorum: 3 },
        { ...config, nodes },
      ]) {
        const configs = new Map(run.configs).set(one, other);
        const shares = sharesOf(simulate({ ...run, configs, schedule: CALM }));
        const certificates = new Set(shares.map(({ record }) => record.certificate.join()));
        assert.equal(certificates.size, 2);
      }
    });

    test("parties that agreed on different thresholds do not work from one view", () => {
      const configs = new Map(run.configs).set(one, { ...run.configs.get(one)!, threshold: 3 });
      const { outcomes } = simulate({ ...run, configs, schedule: CALM });
      for (const outcome of outcomes.values()) {
        assert.ok(outcome.kind === "abort" && outcome.fault === "mismatch");
        assert.deepEqual(outcome.culprits, []);
      }
    });

    test("a public state that does not even name the accused convicts it, and does not make the judge fail", () => {
      // Only a liar signs such a view; whoever judges it must get an answer.
      const lies: Readonly<Record<string, (broadcast: never) => unknown>> = {
        [OPEN]: (opening: Opening) => ({ ...opening, u: new Uint8Array(32) }),
        [PROVE]: (own: object) => ({ ...own, proofs: [] }),
        [CONFIRM]: () => ({ proof: 1n }),
      };
      for (const [name, lie] of Object.entries(lies)) {
        const simulation = rewriting(name, lie);
        const [{ publicState }] = abortsOf(simulation) as [Abort];
        const round = roundOf(keygenProtocol(group), name)!;
        const sent = simulation.trace.find((event) => event.kind === "send" && event.message.round === name);
        assert.ok(sent?.kind === "send");
        const broadcast = round.broadcast!.decode(sent.message.body);
        const [stranger] = parties(9) as [PartyIndex];
        assert.throws(
          () => round.checkPublic(round.publicState.decode(publicState), stranger, broadcast),
          (error) => error instanceof Fault && error.kind === "public",
        );
      }
    });
  });
}
