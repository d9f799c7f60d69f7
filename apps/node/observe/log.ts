/** A node's log: JSON lines for machines, or the same for people. Every line passes `printable` before it is written. */
import { styleText } from "node:util";
import { pino, type Logger } from "pino";
import { Concealed, printable, printableText, type Printable } from "./printable.ts";

export const LOG_FORMATS = ["json", "pretty"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogOptions {
  /** The node's name. */
  readonly node: string;
  /** `trace` to `error`, or `silent`. */
  readonly level: string;
  readonly format: LogFormat;
  /** Takes a line with its end. */
  readonly write: (line: string) => void;
}

export interface NodeLog {
  readonly logger: Logger;
  /** The same log, whose lines say which part of the node they are of. */
  component(name: string): Logger;
  /** From now on this text stands in no line, whatever brings it there. */
  conceal(secret: string): void;
}

export function openLog({ node, level, format, write }: LogOptions): NodeLog {
  const concealed = new Concealed();
  const colours = format === "pretty" && process.stderr.isTTY;
  const logger = pino(
    {
      level,
      base: { node },
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => printable(fields, concealed) as Record<string, Printable>,
      },
      // What the library would print in its own way passes the same door as everything else.
      serializers: { err: (error: unknown) => error },
      hooks: {
        logMethod(args, method) {
          const [first, ...rest] = args as readonly unknown[];
          // An error alone becomes a field here, before the library takes its message as it is.
          const given = first instanceof Error ? [{ err: first }, ...(rest.length > 0 ? rest : [first.message])] : args;
          const safe = (given as readonly unknown[]).map((arg, i) => {
            if (typeof arg === "string") return printableText(arg, concealed);
            return i === 0 ? arg : printable(arg, concealed);
          });
          method.apply(this, safe as Parameters<typeof method>);
        },
      },
    },
    { write: (line: string) => write(format === "json" ? line : prettyLine(line, colours)) },
  );
  return {
    logger,
    component: (component) => logger.child({ component }),
    conceal: (secret) => concealed.add(secret),
  };
}

const COLOURS: Readonly<Record<string, "red" | "yellow" | "cyan" | "gray">> = {
  error: "red",
  warn: "yellow",
  info: "cyan",
  debug: "gray",
  trace: "gray",
};
const LEVEL_WIDTH = 6;

/** Time, level, part, message, then every other field as name=value. */
function prettyLine(line: string, colours: boolean): string {
  const { ts, level, node, component, msg, ...fields } = JSON.parse(line) as LineParts;
  const label = level.padEnd(LEVEL_WIDTH);
  const shown = colours ? styleText(COLOURS[level] ?? "gray", label) : label;
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${plain(value)}`);
  const head = [ts.slice(11, 23), shown, node, component, msg].filter((part) => part !== undefined);
  return `${[...head, ...rest].join(" ")}\n`;
}

/** What the library puts into every line, and fields of all kinds. */
type LineParts = { readonly ts: string; readonly level: string; readonly node: string } & {
  readonly component?: string;
  readonly msg?: string;
} & Readonly<Record<string, Printable>>;

const plain = (value: Printable): string =>
  typeof value === "string" && /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value);
