import { portableEngine } from "@conclave/crypto";
import { engineContract, seededRng } from "@conclave/crypto/testing";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeEngine } from "./index.ts";

engineContract(nodeEngine);

describe("the node and the portable engine", () => {
  test("verify each other's signatures and agree on each other's keys", () => {
    const rng = seededRng("engines");
    for (let i = 0; i < 10; i++) {
      const [seed, message] = [rng(32), rng(i * 17)];
      const [node, portable] = [nodeEngine.ed25519Signer(seed), portableEngine.ed25519Signer(seed)];
      assert.equal(portableEngine.ed25519Verifier(node.publicKey)(message, node.sign(message)), true);
      assert.equal(nodeEngine.ed25519Verifier(portable.publicKey)(message, portable.sign(message)), true);
      const other = rng(32);
      assert.deepEqual(
        nodeEngine.x25519Shared(seed, portableEngine.x25519Public(other)),
        portableEngine.x25519Shared(other, nodeEngine.x25519Public(seed)),
      );
    }
  });
});
