import type { PartyIndex } from "../party.ts";
import type { Abort, Part } from "../session.ts";
import type { Mutation } from "./mutations.ts";
import type { Outcome } from "./simulate.ts";

/** One lie and what came of it. */
export interface MutationRow<Result> {
  readonly round: string;
  readonly part: Part;
  /** The only receiver of the rewritten message; absent if all get it. */
  readonly to?: PartyIndex;
  readonly mutation: Mutation;
  /** False if the message's codec refuses the mutated bytes. */
  readonly decodes: boolean;
  readonly cheater: PartyIndex;
  readonly outcomes: ReadonlyMap<PartyIndex, Outcome<Result>>;
}

/**
 * What has to come of a lie:
 * - `accepted`: harmless; every honest party gets its result.
 * - an abort: at least one honest party ends with this fault (and reason), blaming the cheater or nobody, and so does every
 *   other one that does not end in silence. None gets a result unless `others` says so.
 * - a function that throws when the row is not as it should be.
 * Under every verdict an honest party that blames an honest party fails the row.
 */
export type Verdict<Result> =
  | "accepted"
  | {
      readonly fault: Abort["fault"];
      readonly blames: "cheater" | "nobody";
      readonly reason?: string;
      readonly others?: "may finish";
    }
  | ((row: MutationRow<Result>) => void);

/** How a row is called in messages: `sum/2-open direct to 1, tag: zeros`. */
export const rowName = ({ round, part, to, mutation }: Omit<MutationRow<unknown>, "outcomes">): string =>
  `${round} ${part}${to === undefined ? "" : ` to ${to}`}, ${mutation.path || "message"}: ${mutation.name}`;

/** Views are compared by the session, for every protocol alike. */
const VIEW_VERDICT = { fault: "mismatch", blames: "nobody" } as const;

/** Holds rows against verdicts and gathers what is wrong, so that one run shows all of it. */
export class Judge<Result> {
  readonly #verdicts: Readonly<Record<string, Verdict<Result>>>;
  readonly #used = new Set<string>();
  readonly #wrong: string[] = [];

  constructor(verdicts: Readonly<Record<string, Verdict<Result>>>) {
    this.#verdicts = verdicts;
  }

  row(row: MutationRow<Result>): void {
    const complain = (what: string): void => {
      this.#wrong.push(`${rowName(row)}: ${what}`);
    };
    if (row.mutation.illegal && row.decodes) complain("the codec accepts it");
    const verdict = this.#verdictFor(row);
    if (verdict === undefined) complain(`no verdict declared; outcomes: ${describe(row)}`);
    else for (const fault of contradictions(row, verdict)) complain(`${fault}; outcomes: ${describe(row)}`);
  }

  close(): void {
    for (const key of Object.keys(this.#verdicts)) if (!this.#used.has(key)) this.#wrong.push(`unused verdict: ${key}`);
    if (this.#wrong.length === 0) return;
    throw new Error(`${this.#wrong.length} rows of the mutation table are wrong:\n${this.#wrong.join("\n")}`);
  }

  #verdictFor({ round, part, mutation, decodes }: MutationRow<Result>): Verdict<Result> | undefined {
    const field = `${round} ${part} ${mutation.field || "message"}`;
    const keys = [`${field}: ${mutation.name}`, decodes ? field : `${round} ${part}: malformed`];
    const key = keys.find((candidate) => Object.hasOwn(this.#verdicts, candidate));
    if (key === undefined) return mutation.field === "view" ? VIEW_VERDICT : undefined;
    this.#used.add(key);
    return this.#verdicts[key];
  }
}

/** What is wrong with a row under its verdict; empty if nothing is. */
function contradictions<Result>(row: MutationRow<Result>, verdict: Verdict<Result>): string[] {
  const outcomes = [...row.outcomes.values()];
  const aborts = outcomes.filter((outcome) => outcome.kind === "abort");
  if (aborts.some(({ culprits }) => culprits.some((party) => party !== row.cheater)))
    return ["an honest party is blamed"];
  if (typeof verdict === "function") return thrownBy(() => verdict(row));
  const results = outcomes.filter(({ kind }) => kind === "result").length;
  if (verdict === "accepted") return results === outcomes.length ? [] : ["expected to be accepted"];
  const loud = aborts.filter(({ fault }) => fault !== "silence" || verdict.fault === "silence");
  const blamed = verdict.blames === "cheater" ? `${row.cheater}` : "";
  const fits = loud.every(
    ({ fault, reason, culprits }) =>
      fault === verdict.fault && reason === (verdict.reason ?? reason) && culprits.join() === blamed,
  );
  const expected = `expected ${verdict.fault} (${verdict.reason ?? "any reason"}) blaming ${verdict.blames}`;
  if (loud.length === 0 || !fits) return [expected];
  return results > 0 && verdict.others === undefined ? [`${expected} and no result`] : [];
}

function thrownBy(check: () => void): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

const describe = <Result>({ outcomes }: MutationRow<Result>): string =>
  [...outcomes]
    .map(([party, outcome]) =>
      outcome.kind === "abort"
        ? `${party} ${outcome.fault} "${outcome.reason}" blaming [${outcome.culprits.join()}]`
        : `${party} ${outcome.kind}`,
    )
    .join("; ");
