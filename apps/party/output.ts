/** Results on stdout, everything else on stderr. */
import { stripVTControlCharacters } from "node:util";
import type { CommandError } from "./exit.ts";
import { LOG_LEVELS, type LogLevel, type Settings } from "./settings.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Output {
  /** `value` for programs, `lines` (label and text) for people. */
  result(value: unknown, lines: readonly (readonly [label: string, text: string])[]): void;
  /** The one word that a command is for (a card, an invite), alone on stdout so that it can be piped. */
  word(value: unknown, word: string): void;
  log(level: LogLevel, text: string): void;
}

export function createOutput({ json, logLevel }: Settings, { writeOut, writeErr }: Surroundings): Output {
  const print = (text: string): void => writeOut(`${text}\n`);
  return {
    result: (value, lines) => print(json ? JSON.stringify(value, null, 2) : table(lines)),
    word: (value, word) => print(json ? JSON.stringify(value, null, 2) : word),
    log(level, text) {
      if (LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(logLevel)) writeErr(`${printable(text)}\n`);
    },
  };
}

function table(lines: readonly (readonly [label: string, text: string])[]): string {
  const width = Math.max(...lines.map(([label]) => label.length));
  return lines.map(([label, text]) => `${label.padEnd(width)}  ${printable(text)}`).join("\n");
}

/** What others chose (a name, a relay's reason) moves no cursor. */
const printable = (text: string): string => stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\n\t]/gu, "");

/** A failure as it stands on stderr: a sentence for people, or `{ "error": … }` on one line. */
export function failureText({ exitCode, problem, message }: CommandError, json: boolean): string {
  const text = json
    ? JSON.stringify({ error: { problem, detail: message, exit_code: exitCode } })
    : `error: ${printable(message)}`;
  return `${text}\n`;
}
