/** Whether memory grows while the work stays the same. */

/** What each process held of live objects at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly heapMib: readonly number[];
}

const MS_PER_MINUTE = 60_000;

/**
 * Slope of the line that fits the later half of the samples best, for each process, in MiB per minute: caches and compiled code
 * fill in the first half. Zeros for fewer than three samples.
 */
export function growthPerMinute(samples: readonly Sample[]): readonly number[] {
  const later = samples.slice(Math.floor(samples.length / 2));
  const processes = samples[0]?.heapMib.length ?? 0;
  return Array.from({ length: processes }, (_, place) => {
    const points = later.map(({ atMs, heapMib }) => ({ x: atMs / MS_PER_MINUTE, y: heapMib[place] ?? 0 }));
    return points.length < 3 ? 0 : Math.round(slope(points) * 100) / 100;
  });
}

function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)];
  const above = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const below = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
