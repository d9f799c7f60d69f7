/** What the running node says of itself: every point of its readiness. */
import { problem, readiness } from "@conclave/api";
import { failed, ok, reasonOf, warning, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

const FIXES: Readonly<Record<string, string>> = {
  ledger: "set this machine's clock",
  peers: "`conclave cluster nodes` says who is away: call their operators",
  share: "`conclave keygen` makes the wallet's key, once all nodes are there",
  custody: "see docs/operating/recovery.md before anything else; never start it with an older copy of its journal",
  journal: "look at disk and space, then restart the node",
  store: "look at disk and space, or at the database server",
  clock: "have a time service keep it: timedatectl set-ntp true",
  chain: "start the Bitcoin server, or set another esplora_url",
  coordination: "mend etcd, as said; docs/operating/etcd.md has the rest",
};

/** Nothing for a stopped node. */
export async function ready({ ask, runs }: Patient): Promise<readonly Finding[]> {
  if (!runs) return [];
  try {
    const { status, body } = await ask("/ready");
    if (status === 200)
      return readiness
        .parse(body)
        .checks.map(({ name, ok: isWell, detail }) =>
          isWell ? ok(`ready: ${name}`, detail) : warning(`ready: ${name}`, detail, FIXES[name] ?? "as said"),
        );
    const { reasons = [], detail } = problem.parse(body);
    if (reasons.length === 0) return [failed("ready", detail, "as said")];
    return reasons.map(({ name, detail: why }) => failed(`ready: ${name}`, why, FIXES[name] ?? "as said"));
  } catch (error) {
    return [warning("ready", `the node does not say: ${reasonOf(error)}`, "see whether its API answers")];
  }
}
