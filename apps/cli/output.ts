/** Where results go: a table for people or JSON for programs, never both. Results on stdout, everything else on stderr. */
import { styleText } from "node:util";
import type { CliError } from "./exit.ts";
import { renderList, renderTable, visible, type Cell, type Look, type Tone } from "./table.ts";

export interface Output {
  readonly json: boolean;
  /** True if a person can be asked something: terminals on both sides, and no program reading the result. */
  readonly interactive: boolean;
  /** `value` for programs, `text` for people. */
  result(value: unknown, text: (look: Look) => string): void;
  /** Progress for people who watch; silent otherwise. */
  note(text: string): void;
}

const STYLES = {
  good: "green",
  bad: "red",
  active: "cyan",
  attention: "yellow",
  neutral: "gray",
  title: "bold",
} as const satisfies Readonly<Record<Tone, Parameters<typeof styleText>[0]>>;

export interface OutputOptions {
  readonly json: boolean;
  /** False turns colours off; true leaves it to the terminal, NO_COLOR and FORCE_COLOR. */
  readonly colored: boolean;
}

export function createOutput({ json, colored }: OutputOptions): Output {
  const paint: Look["paint"] = (tone, text) =>
    colored ? styleText(STYLES[tone], text, { stream: process.stdout, validateStream: true }) : text;
  return {
    json,
    interactive: !json && process.stdin.isTTY && process.stdout.isTTY,
    result: (value, text) => {
      const written = json ? JSON.stringify(value, null, 2) : text({ width: terminalWidth(), paint });
      process.stdout.write(`${written}\n`);
    },
    note: (text) => {
      if (!json && process.stderr.isTTY) process.stderr.write(`${text}\n`);
    },
  };
}

/** A failure on stderr: a sentence for people, or `{ "error": … }` on one line. */
export function reportFailure({ exitCode, problem, message }: CliError, json: boolean): void {
  const text = json
    ? JSON.stringify({ error: { problem, detail: message, exit_code: exitCode } })
    : `error: ${visible(message)}`;
  process.stderr.write(`${text}\n`);
}

function terminalWidth(): number {
  const columns = process.stdout.columns ?? Number(process.env["COLUMNS"]);
  return columns > 0 ? columns : Infinity;
}

export const cell = (text: string | number, tone?: Tone): Cell => ({ text: String(text), ...(tone ? { tone } : {}) });

export { renderList, renderTable };
export type { Cell, Look, Tone };
