/** Why a payment cannot be made from the coins at hand. Every message is meant to be shown. */
import { printFeeRate } from "./fee-rate.ts";
import type { FeeRate } from "./fee-rate.ts";
import type { FeeProblem } from "./fees.ts";
import type { Sats } from "./sats.ts";

/** The wallet cannot pay: `needed` includes the fee; `available` can be spent now; the rest says where other coins are. */
export class InsufficientFunds extends Error {
  override readonly name = "InsufficientFunds";
  readonly needed: Sats;
  readonly available: Sats;
  readonly locked: Sats;
  readonly unconfirmed: Sats;
  readonly immature: Sats;
  constructor(parts: { readonly [K in "needed" | "available" | "locked" | "unconfirmed" | "immature"]: Sats }) {
    const { needed, available, locked, unconfirmed, immature } = parts;
    super(
      `The balance does not suffice: ${needed} sat with the fee are needed, ${available} sat can be spent` +
        ` (${locked} sat are held by other payments, ${unconfirmed} sat are unconfirmed, ${immature} sat are not mature).`,
    );
    this.needed = needed;
    this.available = available;
    this.locked = locked;
    this.unconfirmed = unconfirmed;
    this.immature = immature;
  }
}

/** The balance suffices, but lies in too many small coins. `payable` is the most that one payment can carry. */
export class TooManyInputs extends Error {
  override readonly name = "TooManyInputs";
  readonly needed: number;
  readonly limit: number;
  readonly payable: Sats;
  constructor({ needed, limit, payable }: { readonly needed: number; readonly limit: number; readonly payable: Sats }) {
    super(
      `The payment would need ${needed} coins; one transaction may spend ${limit}.` +
        ` At most ${payable} sat can be paid at once: pay in parts, or first send coins to yourself to merge them.`,
    );
    this.needed = needed;
    this.limit = limit;
    this.payable = payable;
  }
}

/** The amount is too small for the network to carry. */
export class OutputBelowDust extends Error {
  override readonly name = "OutputBelowDust";
  readonly amount: Sats;
  readonly dust: Sats;
  constructor(amount: Sats, dust: Sats) {
    super(`The amount of ${amount} sat is below ${dust} sat, the least that this kind of address can receive.`);
    this.amount = amount;
    this.dust = dust;
  }
}

/** The fee breaks a cap of the policy. */
export class FeeTooHigh extends Error {
  override readonly name = "FeeTooHigh";
  readonly problems: readonly FeeProblem[];
  constructor(problems: readonly FeeProblem[]) {
    super(problems.map(({ message }) => message).join(" "));
    this.problems = problems;
  }
}

/** The rate asked for is below what the policy relays. */
export class FeeTooLow extends Error {
  override readonly name = "FeeTooLow";
  constructor(rate: FeeRate, minRate: FeeRate) {
    super(`The fee rate of ${printFeeRate(rate)} sat/vB is below ${printFeeRate(minRate)}: it would not be relayed.`);
  }
}
