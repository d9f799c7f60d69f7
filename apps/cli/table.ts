/** Tables for people: aligned, coloured, and as narrow as the terminal. Programs ask for `--json`. */

export type Tone = "good" | "bad" | "active" | "attention" | "neutral" | "title";

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface Look {
  /** Columns of the terminal; Infinity where there is none. */
  readonly width: number;
  readonly paint: (tone: Tone, text: string) => string;
}

const GAP = "  ";

/** Rows under titles. Where they do not fit side by side, each row becomes a list: no address or id is ever cut. */
export function renderTable(titles: readonly string[], rows: readonly (readonly Cell[])[], look: Look): string {
  const widths = titles.map((title, i) =>
    Math.max(lengthOf(title), ...rows.map((row) => lengthOf(row[i]?.text ?? ""))),
  );
  const total = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
  if (total > look.width) {
    return rows
      .map((row) =>
        renderList(
          titles.map((title, i) => [title, row[i] ?? { text: "" }]),
          look,
        ),
      )
      .join("\n\n");
  }
  const heads = titles.map((text): Cell => ({ text, tone: "title" }));
  return [heads, ...rows]
    .map((row) =>
      row
        .map((cell, i) => paintCell(cell, widths[i] ?? 0, look))
        .join(GAP)
        .trimEnd(),
    )
    .join("\n");
}

/** Names and values below each other, values aligned; on a narrow terminal each value stands under its name. */
export function renderList(entries: readonly (readonly [name: string, value: Cell])[], look: Look): string {
  const width = Math.max(...entries.map(([name]) => lengthOf(name)));
  const longest = Math.max(...entries.map(([, { text }]) => lengthOf(text)));
  const stacked = width + GAP.length + longest > look.width;
  return entries
    .map(([name, value]) => {
      const head = paintCell({ text: name, tone: "title" }, stacked ? 0 : width, look);
      return (
        stacked ? `${head}\n${GAP}${paintCell(value, 0, look)}` : `${head}${GAP}${paintCell(value, 0, look)}`
      ).trimEnd();
    })
    .join("\n");
}

function paintCell({ text, tone }: Cell, width: number, { paint }: Look): string {
  const shown = visible(text);
  const padding = " ".repeat(Math.max(0, width - lengthOf(text)));
  return (tone === undefined ? shown : paint(tone, shown)) + padding;
}

const lengthOf = (text: string): number => Array.from(visible(text)).length;

/**
 * Text of strangers, such as a note, made harmless: control characters could move the cursor or recolour, format characters
 * could reverse or hide what stands there.
 */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
