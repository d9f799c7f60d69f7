/**
 * A coordination that lies: it invents statements, hides them, hands over old ones again and lets others wait. It knows no
 * key of any node, so that what it says in a node's name is refused; it can only delay.
 */
import { withFlippedBit, type Dice } from "@conclave/protocol/testing";
import type { Clock, Coordination, Statement } from "../ports.ts";

export const COORDINATION_LIES = [
  "forges statements",
  "hides statements",
  "replays statements",
  "delays statements",
] as const;

export type CoordinationLie = (typeof COORDINATION_LIES)[number];

/** How often it lies in each of its ways. */
const LIE_CHANCE = 0.25;
const LONGEST_DELAY_MS = 8_000;
/** Statements that a replay chooses from. */
const MAX_KEPT = 50;

/** What one node's service does wrong; its owner changes it. */
export interface CoordinationFaults {
  lies: ReadonlySet<CoordinationLie>;
  /** Makes it hand over what it hid. */
  reveal: () => void;
}

export interface LyingParts {
  readonly inner: Coordination;
  readonly faults: CoordinationFaults;
  readonly dice: Dice;
  readonly clock: Clock;
  readonly told: (lie: CoordinationLie) => void;
}

export function lyingCoordination({ inner, faults, dice, clock, told }: LyingParts): Coordination {
  const kept: Statement[] = [];
  let hidden: Statement[] = [];
  let hear: (wire: Uint8Array) => Promise<boolean> = () => Promise.resolve(false);
  const lies = (lie: CoordinationLie): boolean => {
    if (!faults.lies.has(lie) || !dice.chance(LIE_CHANCE)) return false;
    told(lie);
    return true;
  };
  faults.reveal = () => {
    for (const statement of hidden.splice(0)) inner.publish(statement);
  };
  const beside = (statement: Statement): void => {
    const forged = withFlippedBit(statement.wire, dice);
    if (lies("forges statements")) {
      inner.publish({ ...statement, wire: forged, topic: "forged" });
      // A node that fails at it is offered nothing again: it was a lie.
      hear(forged).catch(() => {});
    }
    if (lies("replays statements")) {
      const old = kept[dice.below(kept.length)]!;
      inner.publish({ ...old, to: statement.to, topic: "replayed" });
      hear(old.wire).catch(() => {});
    }
  };
  return {
    publish: (statement) => {
      if (kept.length < MAX_KEPT) kept.push(statement);
      beside(statement);
      if (lies("hides statements")) return void hidden.push(statement);
      if (!lies("delays statements")) return inner.publish(statement);
      clock.schedule(1 + dice.below(LONGEST_DELAY_MS), () => inner.publish(statement));
    },
    withdraw: (topic) => {
      hidden = hidden.filter((statement) => statement.topic !== topic);
      inner.withdraw(topic);
    },
    start: (read) => {
      hear = read;
      return inner.start(read);
    },
    close: () => inner.close(),
  };
}
