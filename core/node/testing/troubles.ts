/** What goes wrong in a life, done to the machine, the network or the chain that it happens to. */
import type { Dice } from "@conclave/protocol/testing";
import type { SimulatedChain } from "./chain.ts";
import type { VirtualClock } from "./clock.ts";
import type { Machine } from "./machine.ts";
import type { SimulatedNetwork } from "./network.ts";
import type { Trouble } from "./scenario.ts";

export interface TroubleParts {
  /** In the committee's order. */
  readonly machines: readonly Machine[];
  readonly network: SimulatedNetwork;
  readonly chain: SimulatedChain;
  readonly clock: VirtualClock;
  /** Whether a crash takes the store's last writes along. */
  readonly powerCuts: Dice;
  readonly count: (kind: string) => void;
  readonly rebootAfter: (machine: Machine, delayMs: number) => void;
}

/** Blocks that a server has not heard of when it is behind. */
const BLOCKS_BEHIND = 2;

/** Begin it; what lasts for a while ends by itself. */
export function bring(trouble: Trouble, parts: TroubleParts): void {
  const { machines, network, chain, clock, count } = parts;
  const nodes = machines.map(({ self }) => self);
  switch (trouble.kind) {
    case "partition":
      count("partition");
      return network.partition(trouble.groups.map((group) => group.map((i) => nodes[i]!)));
    case "reunite":
      return network.partition([]);
    case "one-way":
      count("link cut one way");
      return network.sever(nodes[trouble.from]!, nodes[trouble.to]!);
    case "reorganisation":
      return chain.reorganise(Math.min(trouble.depth, chain.height - 1), Math.floor(clock.nowMs() / 1_000));
    default:
      return strike(trouble, machines[trouble.node]!, parts);
  }
}

type Strike = Extract<Trouble, { readonly node: number }>;

/** What happens to one machine, or to what serves it. */
function strike(trouble: Strike, machine: Machine, { clock, count, powerCuts, rebootAfter }: TroubleParts): void {
  const forAWhile = (forMs: number, end: () => void): void => void clock.schedule(forMs, end);
  switch (trouble.kind) {
    case "crash":
      if (machine.node === null) return;
      count("crash");
      machine.crash("killed");
      if (powerCuts.chance(0.5)) cutPower(machine, { powerCuts, count });
      return rebootAfter(machine, trouble.downMs);
    case "torn store":
      if (machine.node === null) return;
      count("torn store");
      machine.crash("killed in the middle of a write");
      machine.tearStore(trouble.table, trouble.lost);
      return rebootAfter(machine, trouble.downMs + 1);
    case "write":
      return machine.failAppend(trouble.skip, trouble.fault, () => {
        count(trouble.fault);
        clock.schedule(trouble.downMs, () => machine.crash("stopped for repair"));
        rebootAfter(machine, trouble.downMs + 1);
      });
    case "store write":
      return machine.dieAtStore(trouble.skip, () => {
        count("killed after a write to the store");
        rebootAfter(machine, trouble.downMs + 1);
      });
    case "store away":
      count("store away");
      machine.storeAwayUntilMs = Math.max(machine.storeAwayUntilMs, clock.nowMs() + trouble.forMs);
      return;
    case "chain away":
      machine.server.unreachable = true;
      return forAWhile(trouble.forMs, () => (machine.server.unreachable = false));
    case "chain behind":
      machine.server.blocksBehind = BLOCKS_BEHIND;
      return forAWhile(trouble.forMs, () => (machine.server.blocksBehind = 0));
    case "chain forgets":
      machine.server.forgetful = true;
      return forAWhile(trouble.forMs, () => (machine.server.forgetful = false));
    case "chain lies":
      machine.chainLie = trouble.lie;
      return forAWhile(trouble.forMs, () => (machine.chainLie = null));
    case "coordination lies":
      machine.coordination.lies = new Set(trouble.lies);
      return forAWhile(trouble.forMs, () => {
        machine.coordination.lies = new Set();
        machine.coordination.reveal();
      });
    case "skew":
      count("clock skew");
      machine.skewMs = trouble.byMs;
  }
}

function cutPower(machine: Machine, { powerCuts, count }: Pick<TroubleParts, "powerCuts" | "count">): void {
  count("power cut");
  machine.loseLastWrites(1 + powerCuts.below(40));
}
