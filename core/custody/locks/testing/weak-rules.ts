/** Rules with a hole, to show what each of the real ones is for. */
import assert from "node:assert/strict";
import { RULES, type Check, type Rules } from "../checks.ts";
import { refuse } from "../decision.ts";
import { decideRelease } from "../release.ts";
import { isHeld, knownIntent, revisionKey, type Intent } from "../state.ts";
import { REAL_RULES, type NodeRules } from "./node-model.ts";

/** Some checks are left out. */
export const without = (vote: readonly string[], sign: readonly string[]): NodeRules => {
  const rest = <T extends object>(checks: T, names: readonly string[]): Partial<T> => {
    for (const name of names) assert.ok(name in checks, `${name} is a check`);
    return Object.fromEntries(Object.entries(checks).filter(([name]) => !names.includes(name))) as Partial<T>;
  };
  const rules: Rules = { ...RULES, vote: rest(RULES.vote, vote), sign: rest(RULES.sign, sign) };
  return { ...REAL_RULES, rules };
};

/** `coin-locked` that counts only what this node did not abandon itself. */
const forgetful =
  <Ask extends { readonly wallet: Uint8Array }>(check: Check<Ask>): Check<Ask> =>
  (intent, ask, state) => {
    const forget = (other: Intent): Intent => ({ ...other, dead: new Set([...other.dead, ...other.abandoned]) });
    const claims = new Map([...state.claims].map(([coin, others]) => [coin, new Set([...others].map(forget))]));
    return check(intent, ask, { ...state, claims });
  };
/** An own abandon frees a coin for other intents at once. */
export const FREED_BY_OWN_ABANDON: NodeRules = {
  ...REAL_RULES,
  rules: {
    ...RULES,
    vote: { ...RULES.vote, "coin-locked": forgetful(RULES.vote["coin-locked"]!) },
    sign: { ...RULES.sign, "coin-locked": forgetful(RULES.sign["coin-locked"]!) },
  },
};

/** Nothing is recorded as dead while something that this node signed is not. */
export const ALL_OR_NOTHING: NodeRules = {
  ...REAL_RULES,
  release: (state, evidence) => {
    if (evidence.reason !== "abandoned-by-quorum") return decideRelease(state, evidence);
    const dead = new Set(evidence.abandons.map(revisionKey));
    const intent = knownIntent(state, evidence);
    const isAlive = [...intent.contents].some(
      ([revision, content]) =>
        content.signed !== null && !dead.has(`${revision}:${content.digest}`) && isHeld(intent, revision, content),
    );
    return isAlive ? refuse("signed-not-abandoned", "a signed revision lives") : decideRelease(state, evidence);
  },
};
