import type { Group } from "@conclave/crypto";
import type { Protocol } from "@conclave/protocol";
import type { KeyShare } from "../record.ts";
import { commitRound, startKeygen } from "./1-commit.ts";
import { openRound } from "./2-open.ts";
import { proveRound } from "./3-prove.ts";
import { answerRound } from "./3b-answer.ts";
import { confirmRound } from "./4-confirm.ts";
import type { KeygenConfig } from "./dealing.ts";

/**
 * Distributed key generation for any scheme on one curve: Feldman sharing with commitments opened together, proofs of
 * knowledge per coefficient, public complaints, and a certificate hash. Needs every party named in the committee.
 */
export const keygenProtocol = (group: Group): Protocol<KeygenConfig, KeyShare> => ({
  id: `keygen-${group.name}/v1`,
  rounds: [commitRound(group), openRound(group), proveRound(group), answerRound(group), confirmRound(group)],
  start: (context, config, rng) => startKeygen(group, context, config, rng),
});
