/** Things that end at a whole second, found when their second has come; taking one out early costs nothing. */

export interface Ending {
  readonly untilSecond: number;
}

export class Timetable<T extends Ending> {
  readonly #bySecond = new Map<number, Set<T>>();
  #doneSecond = -1;

  add(item: T): void {
    const items = this.#bySecond.get(item.untilSecond);
    if (items === undefined) this.#bySecond.set(item.untilSecond, new Set([item]));
    else items.add(item);
  }

  remove(item: T): void {
    const items = this.#bySecond.get(item.untilSecond);
    items?.delete(item);
    if (items?.size === 0) this.#bySecond.delete(item.untilSecond);
  }

  /** Takes out what ends at `nowSecond` or before, earliest first. Looks once a second, however often it is asked. */
  due(nowSecond: number): readonly T[] {
    if (nowSecond <= this.#doneSecond) return [];
    this.#doneSecond = nowSecond;
    const seconds = [...this.#bySecond.keys()].filter((second) => second <= nowSecond).toSorted((a, b) => a - b);
    return seconds.flatMap((second) => {
      const items = [...this.#bySecond.get(second)!];
      this.#bySecond.delete(second);
      return items;
    });
  }
}
