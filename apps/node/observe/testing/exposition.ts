/** `/metrics` as a monitoring system reads it. */

/** Every sample by its name and labels as they stand in the text. */
export type Samples = ReadonlyMap<string, number>;

export function parseExposition(text: string): Samples {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1).replace("+Inf", "Infinity"))] as const;
    }),
  );
}

/** The names of all families, from their type lines. */
export const familiesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^# TYPE (?<name>\w+) /gm)].map(({ groups }) => groups!["name"]!);

/** Asks a node; throws with its answer if that is no 200. */
export async function scrape(url: string): Promise<{ readonly samples: Samples; readonly text: string }> {
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  if (!response.ok) throw new Error(`GET /metrics: ${response.status} ${text}`);
  return { samples: parseExposition(text), text };
}
