/** For supervisors: does the process live, and can it work? */
import { z } from "zod";
import { nodeNumber } from "./fields.ts";

export const health = z.object({
  status: z.literal("ok"),
  node_id: nodeNumber,
  version: z.string().max(64),
  uptime_seconds: z.number().int().min(0),
});

export type Health = z.output<typeof health>;

export const readiness = z.object({
  ready: z.literal(true),
  status: z
    .enum(["ok", "degraded"])
    .describe("Degraded: requests are taken, and an operator should look at the checks that are not ok"),
  checks: z
    .array(z.object({ name: z.string().max(32), ok: z.boolean(), detail: z.string() }))
    .max(32)
    .describe("What was looked at: ledger, peers, share, clock, chain, coordination, and what is wrong with it"),
});

export type Readiness = z.output<typeof readiness>;
