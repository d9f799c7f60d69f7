/** What operators say to payments, until their node has heard it, and what becomes of these payments. */
import { setTimeout as delay } from "node:timers/promises";
import type { Transaction } from "@conclave/api";
import { readSecret } from "../../up/folder.ts";
import { until } from "../../up/testing/waiting.ts";
import { PATIENCE_MS, type Accepted, type FaultyCluster } from "./cluster.ts";

/** A node answers some questions a second of one address. */
const PAUSE_MS = 300;

/** This node's operator decides; again, if the node died over it or has not heard of the payment. */
export async function decide(
  cluster: FaultyCluster,
  node: number,
  { request }: Accepted,
  decision: "approve" | "reject",
): Promise<void> {
  const token = readSecret(cluster.folder.tokenFile);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  let said = "";
  await until(
    `node${node + 1} hears its operator`,
    PATIENCE_MS,
    async () => {
      const url = `${cluster.running.apiUrl(node)}/api/v1/transactions/${request}/${decision}`;
      const body = JSON.stringify({ reason: "a test says so" });
      const answer = await fetch(url, { method: "POST", headers, body }).catch((error: unknown) => String(error));
      said = typeof answer === "string" ? answer : `${answer.status} ${await answer.text()}`;
      if (typeof answer !== "string" && answer.ok) return true;
      // It was recorded before the node died, and the others' votes have decided since.
      if (await isFinal(cluster, node, request)) return true;
      await delay(PAUSE_MS);
      return undefined;
    },
    () => said,
  );
}

/** Every node that is awake says that this payment ended so. */
export async function ended(
  cluster: FaultyCluster,
  { request }: Accepted,
  state: Transaction["state"],
  withinMs = PATIENCE_MS,
): Promise<void> {
  let seen: readonly unknown[] = [];
  await until(
    `payment ${request.slice(0, 8)} is ${state} on every node`,
    withinMs,
    async () => {
      seen = await Promise.all(cluster.awake.map((index) => stateAt(cluster, index, request)));
      if (seen.every((found) => found === state)) return true;
      await delay(PAUSE_MS);
      return undefined;
    },
    () => seen,
  );
}

const stateAt = (cluster: FaultyCluster, node: number, request: string): Promise<Transaction["state"] | null> =>
  cluster
    .api(node)
    .payment(request)
    .then(({ state }) => state)
    .catch(() => null);

async function isFinal(cluster: FaultyCluster, node: number, request: string): Promise<boolean> {
  const state = await stateAt(cluster, node, request);
  return state === "rejected" || state === "confirmed";
}
