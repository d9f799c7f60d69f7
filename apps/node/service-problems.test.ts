import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError } from "@conclave/api";
import { SpendingRefused } from "@conclave/node";
import { translated } from "./service-problems.ts";

test("what the asked node's own policy is against is a problem that names the rule", async () => {
  const refused = new SpendingRefused("20000 sat are above this node's limit of 15000 sat per payment");
  await assert.rejects(
    translated(() => Promise.reject(refused)),
    (error) =>
      error instanceof ServiceError &&
      error.problem === "refused-by-policy" &&
      error.status === 403 &&
      error.detail === refused.message &&
      error.cause === refused,
  );
});
