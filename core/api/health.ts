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
  checks: z
    .array(z.object({ name: z.string().max(32), detail: z.string() }))
    .max(32)
    .describe("What was looked at: ledger, peers, share, clock, chain"),
});

export type Readiness = z.output<typeof readiness>;
