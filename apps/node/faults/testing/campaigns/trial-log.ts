/** The record of a campaign: a JSON line for everything tried, so that a run that was cut is gone on with. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { PapersRead } from "../papers.ts";
import type { Blow } from "./kills.ts";

/** What a run of trials was begun with. */
export interface CampaignHead {
  readonly kind: "campaign";
  readonly seed: string;
  readonly transport: string;
}

export type KillRecord =
  | {
      readonly kind: "trial";
      readonly number: number;
      readonly blow: Blow;
      /** What came of the blow. */
      readonly told: string;
      /** How many payments were under way. */
      readonly payments: number;
      readonly ms: number;
    }
  /** These trials stand, or not: all that the nodes of their cluster wrote was read. */
  | {
      readonly kind: "judged";
      readonly numbers: readonly number[];
      readonly held: true;
      readonly read: PapersRead;
      readonly refusals: Readonly<Record<string, number>>;
    }
  | { readonly kind: "judged"; readonly numbers: readonly number[]; readonly held: false; readonly reason: string };

/** What a file of an earlier run says. */
export interface Earlier {
  readonly head: CampaignHead;
  /** Numbers of trials that were judged and held. */
  readonly held: ReadonlySet<number>;
  /** Numbers of trials that were judged and did not. */
  readonly broken: ReadonlySet<number>;
}

/** Begins a file. Throws if there is one: it is gone on with, or another is named. */
export function beginLog(file: string, head: CampaignHead): void {
  if (existsSync(file)) throw new Error(`${file} is there: go on with it by --resume ${file}, or name another file`);
  writeFileSync(file, `${JSON.stringify(head)}\n`);
}

export const addToLog = (file: string, line: KillRecord): void => appendFileSync(file, `${JSON.stringify(line)}\n`);

/** Takes half a line away that a run left which was cut, so that what is added begins a line. */
export function mendLog(file: string): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.slice(0, text.lastIndexOf("\n") + 1));
}

/** What a file says, of whole lines. Throws if its first is none of ours. */
export function readLog(file: string): Earlier {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  const [head, ...rest] = lines.map((line) => JSON.parse(line) as CampaignHead | KillRecord);
  if (head?.kind !== "campaign") throw new Error(`${file} is no record of a campaign`);
  const numbers = (held: boolean): readonly number[] =>
    rest.flatMap((line) => (line.kind === "judged" && line.held === held ? line.numbers : []));
  const broken = new Set(numbers(false));
  // What was broken once stays so, whatever becomes of it when it is tried again.
  return { head, held: new Set(numbers(true).filter((number) => !broken.has(number))), broken };
}
