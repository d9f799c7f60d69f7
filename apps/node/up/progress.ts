/** What `conclave up` prints: one line per phase for people, or one JSON line per phase for programs. */
import { styleText } from "node:util";

export interface Progress {
  /** A phase is complete. `facts` are shown and, as JSON, written whole. */
  phase(name: string, summary: string, facts?: Readonly<Record<string, unknown>>): void;
  /** Something that the nodes did, with its time. Written as JSON only: people are told in words. */
  event(name: string, facts: Readonly<Record<string, unknown>>): void;
  /** Something within a phase. Not written as JSON. */
  detail(text: string): void;
  /** Free text for people: what to try next. Not written as JSON. */
  say(text: string): void;
  /** Milliseconds of each phase so far. */
  timings(): Readonly<Record<string, number>>;
}

type Colour = "green" | "dim" | "bold";

/** `startMs`: when the process began, on `performance.now()`'s clock. */
export function startProgress({ json, startMs }: { readonly json: boolean; readonly startMs: number }): Progress {
  const timings: Record<string, number> = {};
  let previousMs = startMs;
  const colour = (style: Colour, text: string): string => (process.stdout.isTTY ? styleText(style, text) : text);
  return {
    phase(name, summary, facts = {}) {
      const nowMs = performance.now();
      const tookMs = Math.round(nowMs - previousMs);
      previousMs = nowMs;
      timings[name.replaceAll(" ", "_")] = tookMs;
      if (json) console.log(JSON.stringify({ phase: name, ms: tookMs, ...facts }));
      else
        console.log(
          `${colour("green", "✔")} ${colour("bold", name.padEnd(14))} ${summary} ${colour("dim", `${tookMs} ms`)}`,
        );
    },
    event(name, facts) {
      if (json) console.log(JSON.stringify({ event: name, at_ms: Date.now(), ...facts }));
    },
    detail(text) {
      if (!json) console.log(colour("dim", `  ${text}`));
    },
    say(text) {
      if (!json) console.log(text);
    },
    timings: () => ({ ...timings, total: Math.round(performance.now() - startMs) }),
  };
}
