import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  advance,
  holdsCoins,
  NEW_TRANSACTION,
  signalOf,
  type TransactionEvent,
  type TransactionStatus,
} from "./machine.ts";
import { STATES, TRANSACTION_STATES, type TransactionState } from "./states.ts";
import { REFUSALS, SIGNALS, TRANSITIONS, type Signal } from "./transitions.ts";

/** One event for every column, so that the table is tested through the door that callers use. */
const EVENTS: Readonly<Record<Signal, TransactionEvent>> = {
  votingOpened: { kind: "votingOpened" },
  votesOpen: { kind: "votesCounted", verdict: "open", exhausted: false },
  votesApproved: { kind: "votesCounted", verdict: "approved", exhausted: false },
  votesRejected: { kind: "votesCounted", verdict: "rejected", exhausted: false },
  votersExhausted: { kind: "votesCounted", verdict: "rejected", exhausted: true },
  deadlinePassed: { kind: "deadlinePassed" },
  abandonedByQuorum: { kind: "abandonedByQuorum" },
  signingStarted: { kind: "signingStarted" },
  retriesExhausted: { kind: "retriesExhausted" },
  signatureComplete: { kind: "signatureComplete" },
  broadcastAccepted: { kind: "broadcastAccepted" },
  broadcastRefused: { kind: "broadcastRefused" },
  seenInMempool: { kind: "seenInMempool" },
  mined: { kind: "confirmed", confirmations: 5, requiredConfirmations: 6 },
  buried: { kind: "confirmed", confirmations: 6, requiredConfirmations: 6 },
  reorganised: { kind: "reorganised" },
  conflictBuried: { kind: "conflictBuried" },
  replacedBySpend: { kind: "replaced", spendsAnchor: true },
  replacedFreely: { kind: "replaced", spendsAnchor: false },
};

/**
 * The whole table a second time, by hand, for the reader: a column per state, a row per event. `=` stays, `!x` refuses
 * because of x (see LEGEND), a number is the state it moves to.
 */
const COLUMNS: readonly TransactionState[] = [
  "pending",
  "voting",
  "approved",
  "signing",
  "signed",
  "broadcasting",
  "confirmed",
  "unresolved",
  "rejected",
  "replaced",
  "failed",
  "aborted_byzantine",
  "aborted_timeout",
];

const LEGEND = {
  F: "final",
  E: "expired",
  A: "notApproved",
  S: "notSigned",
  M: "notMined",
  C: "signed",
  B: "buried",
  H: "coinsHeld",
} as const;

//                   0  1  2  3  4  5  6  7  8  9 10 11 12
const TABLE: Readonly<Record<Signal, string>> = {
  votingOpened: "     1  =  1  = !C !C !F !E !F !F !F !F !F",
  votesOpen: "        1  =  =  =  =  = !F !E !F !F !F !F !F",
  votesApproved: "    2  2  =  =  =  = !F !E !F !F !F !F !F",
  votesRejected: "    8  8  =  =  =  = !F !E !F !F !F !F !F",
  votersExhausted: " 11 11  =  =  =  = !F !E !F !F !F !F !F",
  deadlinePassed: "   7  7  7  7  =  = !F  = !F !F !F !F !F",
  abandonedByQuorum: "12 12 12 10 !C !C !C 12  =  =  =  =  =",
  signingStarted: "  !A !A  3  =  =  = !F !E !F !F !F !F !F",
  retriesExhausted: "!A !A  7  7  =  = !F  = !F !F !F !F !F",
  signatureComplete: "4  4  4  4  =  =  =  4  4  =  4  4  4",
  broadcastAccepted: "!S !S !S !S 5 =  = !S !F !F !F !F !F",
  broadcastRefused: "!S !S !S !S =  =  = !S !F !F !F !F !F",
  seenInMempool: "    5  5  5  5  5  =  =  5  5  =  5  5  5",
  mined: "            5  5  5  5  5  =  =  5  5  5  5  5  5",
  buried: "           6  6  6  6  6  6  =  6  6  6  6  6  6",
  reorganised: "     !M !M !M !M !M =  5 !M !M !M !M !M !M",
  conflictBuried: "  10 10 10 10 10 10 !B 10 =  =  =  =  =",
  replacedBySpend: "  9  9  9  9  9  9 !F  9 !F !F !F !F !F",
  replacedFreely: "   9  9  9 !H !H !H !F !H !F !F !F !F !F",
};

/** A cell as the table above writes it. */
function written(state: TransactionState, signal: Signal): string {
  const outcome = TRANSITIONS[state][signal];
  if (outcome === "stay") return "=";
  if ("to" in outcome) return String(COLUMNS.indexOf(outcome.to));
  const code = Object.entries(LEGEND).find(([, refusal]) => refusal === outcome.refuse);
  return `!${code?.[0] ?? "?"}`;
}

test("every event in every state has exactly the declared outcome", (t) => {
  assert.deepEqual([...COLUMNS].sort(), [...TRANSACTION_STATES].sort());
  assert.deepEqual(Object.keys(TABLE).sort(), [...SIGNALS].sort());
  for (const signal of SIGNALS) {
    const declared = TABLE[signal].trim().split(/ +/);
    assert.equal(declared.length, COLUMNS.length, signal);
    for (const [i, state] of COLUMNS.entries())
      assert.equal(written(state, signal), declared[i], `${signal} in ${state}`);
  }
  t.diagnostic(`${COLUMNS.length} states × ${SIGNALS.length} events`);
});

test("advance does what the table says, and a refusal says which event, which state and why", () => {
  for (const state of TRANSACTION_STATES) {
    for (const signal of SIGNALS) {
      assert.equal(signalOf(EVENTS[signal]), signal);
      for (const settled of [false, true]) {
        const before: TransactionStatus = { state, settled };
        const step = advance(before, EVENTS[signal]);
        const outcome = TRANSITIONS[state][signal];
        if (outcome === "stay") assert.equal(step.status.state, state);
        else if ("to" in outcome) assert.equal(step.status.state, outcome.to);
        else {
          assert.equal(step.status, before);
          assert.equal(step.refused, outcome.refuse);
          assert.ok(step.refused !== undefined && step.reason.includes(REFUSALS[step.refused]));
          assert.ok(step.refused !== undefined && step.reason.startsWith(`${signal} in state ${state}`));
          continue;
        }
        assert.equal(step.refused, undefined);
      }
    }
  }
});

const FACTS: ReadonlySet<Signal> = new Set(["signatureComplete", "seenInMempool", "mined", "buried", "reorganised"]);

test("an end is left by facts alone, and not even a fact takes back confirmed except a reorganisation", () => {
  for (const state of TRANSACTION_STATES) {
    if (!STATES[state].final) continue;
    for (const signal of SIGNALS) {
      const outcome = TRANSITIONS[state][signal];
      if (outcome === "stay" || !("to" in outcome)) continue;
      assert.ok(FACTS.has(signal), `${signal} moves ${state}`);
      if (state === "confirmed") assert.deepEqual([signal, outcome.to], ["reorganised", "broadcasting"]);
    }
  }
});

test("every state can be reached, and every unfinished one can still be confirmed or proven dead", () => {
  const reached = new Set<TransactionState>([NEW_TRANSACTION.state]);
  // Sets are walked in the order of insertion, including what is added meanwhile.
  for (const state of reached) {
    for (const signal of SIGNALS) reached.add(advance({ state, settled: false }, EVENTS[signal]).status.state);
  }
  assert.deepEqual([...reached].sort(), [...TRANSACTION_STATES].sort());
  for (const state of TRANSACTION_STATES) {
    assert.equal(advance({ state, settled: false }, EVENTS.buried).status.state, "confirmed");
    if (state !== "confirmed") assert.ok(advance({ state, settled: false }, EVENTS.conflictBuried).status.settled);
  }
});

const signals = fc.array(fc.constantFrom(...SIGNALS), { maxLength: 30 });

/** Every status on the way. */
function history(
  sequence: readonly Signal[],
): readonly { signal: Signal; status: TransactionStatus; refused: boolean }[] {
  let status = NEW_TRANSACTION;
  return sequence.map((signal) => {
    const step = advance(status, EVENTS[signal]);
    status = step.status;
    return { signal, status, refused: step.refused !== undefined };
  });
}

test("whatever happens: once signing began, only proof of death ends it without payment", () => {
  fc.assert(
    fc.property(signals, (sequence) => {
      let signingBegan = false;
      for (const { signal, status, refused } of history(sequence)) {
        if (signal === "signingStarted" && !refused) signingBegan = true;
        if (!signingBegan) continue;
        assert.ok(status.state !== "rejected" && status.state !== "aborted_byzantine");
        if (status.state === "failed" || status.state === "aborted_timeout") assert.ok(status.settled);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("whatever happens: coins are free only after burial or proof of death, with nothing seen since", () => {
  const frees = new Set<Signal>(["buried", "conflictBuried", "abandonedByQuorum"]);
  fc.assert(
    fc.property(signals, (sequence) => {
      let free = false;
      for (const [i, { signal, status, refused }] of history(sequence).entries()) {
        const before = i === 0 ? NEW_TRANSACTION : history(sequence.slice(0, i)).at(-1)!.status;
        if (!refused && frees.has(signal)) free = true;
        else if (status.state !== before.state) free = false;
        assert.equal(holdsCoins(status), !free);
      }
    }),
    { numRuns: 500 },
  );
});

const after = (...sequence: readonly Signal[]): TransactionStatus => history(sequence).at(-1)!.status;

test("the life of a payment, under the API's names and document 004's", () => {
  const life: readonly Signal[] = [
    "votingOpened",
    "votesOpen",
    "votesApproved",
    "signingStarted",
    "signatureComplete",
    "broadcastAccepted",
    "mined",
    "buried",
  ];
  const states = [NEW_TRANSACTION, ...history(life).map(({ status }) => status)].map(({ state }) => state);
  const names = (list: readonly (string | null)[]): readonly (string | null)[] =>
    list.filter((name, i) => name !== list[i - 1]);
  assert.deepEqual(names(states), ["pending", "voting", "approved", "signing", "signed", "broadcasting", "confirmed"]);
  assert.deepEqual(names(states.map((state) => STATES[state].document)), [
    "Initial",
    "Collecting",
    "ThresholdReached",
    "Submitted",
    "Confirmed",
  ]);
});

test("expiry while partial signatures may be out is unresolved, whatever the votes say later", () => {
  const expired = after("votesApproved", "signingStarted", "deadlinePassed");
  assert.deepEqual(expired, { state: "unresolved", settled: false });
  assert.ok(holdsCoins(expired));
  assert.equal(advance(expired, EVENTS.votesApproved).refused, "expired");
  assert.equal(after("votingOpened", "deadlinePassed", "votesApproved").state, "unresolved");
  // A liar completes it, or enough nodes prove that nobody can.
  assert.equal(after("votesApproved", "signingStarted", "deadlinePassed", "mined", "buried").state, "confirmed");
  assert.deepEqual(after("votesApproved", "signingStarted", "deadlinePassed", "abandonedByQuorum"), {
    state: "aborted_timeout",
    settled: true,
  });
});

test("a rejection seen here holds its coins until it is proven dead, and gives way to a payment that exists", () => {
  const rejected = after("votesRejected");
  assert.ok(holdsCoins(rejected));
  assert.deepEqual(after("votesRejected", "abandonedByQuorum"), { state: "rejected", settled: true });
  assert.deepEqual(after("votesRejected", "signatureComplete"), { state: "signed", settled: false });
});

test("a reorganisation takes a confirmed payment back to broadcasting and unsettles it", () => {
  assert.deepEqual(after("signatureComplete", "buried", "reorganised"), { state: "broadcasting", settled: false });
  assert.deepEqual(after("signatureComplete", "buried", "reorganised", "conflictBuried"), {
    state: "failed",
    settled: true,
  });
});

test("a refused broadcast fails nothing: the answer may be wrong", () => {
  assert.equal(after("signatureComplete", "broadcastRefused").state, "signed");
  assert.equal(after("signatureComplete", "broadcastRefused", "seenInMempool").state, "broadcasting");
});

test("once signing began, a replacement has to spend the same coin; either of the two may still be the one that is paid", () => {
  assert.equal(after("votesApproved", "replacedFreely").state, "replaced");
  const signing = after("votesApproved", "signingStarted");
  assert.equal(advance(signing, EVENTS.replacedFreely).refused, "coinsHeld");
  assert.equal(after("votesApproved", "signingStarted", "replacedBySpend").state, "replaced");
  assert.equal(after("signatureComplete", "replacedBySpend", "buried").state, "confirmed");
});

test("confirmations count from one", () => {
  for (const [confirmations, requiredConfirmations] of [
    [0, 6],
    [-1, 6],
    [Number.NaN, 6],
    [1, 0],
  ] as const)
    assert.throws(() => signalOf({ kind: "confirmed", confirmations, requiredConfirmations }), RangeError);
  assert.equal(signalOf({ kind: "confirmed", confirmations: 1, requiredConfirmations: 1 }), "buried");
});
