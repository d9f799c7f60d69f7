import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@conclave/bytes";
import { SCHEMES } from "@conclave/keys";
import { ROUGH } from "./testing/virtual-network.ts";
import { textOrder, World } from "./testing/world.ts";

const SIZES = [
  [2, 2],
  [2, 3],
  [3, 5],
] as const;

for (const scheme of SCHEMES) {
  for (const [t, n] of SIZES) {
    test(`${scheme} ${t}-of-${n}: one key, one signature for all`, async () => {
      const world = new World({ seed: `${scheme} ${t} ${n}`, scheme, n, t });
      const started = performance.now();
      const keys = await world.keygen();
      console.log(scheme, t, n, "keygen", performance.now() - started);
      assert.equal(new Set(keys.map(({ publicKey }) => toHex(publicKey))).size, 1);
      const signatures = await world.sign([1, ...Array.from({ length: t - 1 }, (_, i) => n - i)], textOrder("hello"));
      assert.equal(new Set(signatures.map(({ signature }) => toHex(signature))).size, 1);
      console.log(performance.now() - started);
    });
  }
}

test("rough", async () => {
  const world = new World({ seed: "rough", scheme: "frost-ed25519", n: 3, t: 2, weather: ROUGH });
  await world.keygen();
  await world.sign([1, 2, 3], textOrder("x"));
});
