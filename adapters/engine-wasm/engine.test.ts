import { portableEngine } from "@conclave/crypto";
import { engineContract } from "@conclave/crypto/testing";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { kernelsSupported, withKernels } from "./index.ts";

engineContract(withKernels(portableEngine));

test("this platform runs the kernels", () => assert.equal(kernelsSupported(), true));

test("a platform without vectors, or without WebAssembly, does not", () => {
  const platform = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly")!;
  const answerWith = (value: unknown): boolean => {
    Object.defineProperty(globalThis, "WebAssembly", { ...platform, value });
    try {
      return kernelsSupported();
    } finally {
      Object.defineProperty(globalThis, "WebAssembly", platform);
    }
  };
  const original = platform.value as { validate(bytes: Uint8Array): boolean };
  const withoutVectors = (bytes: Uint8Array): boolean => !bytes.includes(0xfd) && original.validate(bytes);
  assert.equal(answerWith({ validate: withoutVectors }), false);
  assert.equal(answerWith(undefined), false);
  assert.equal(answerWith(original), true);
});

test("the engine keeps the group that has no kernel", () => {
  assert.equal(withKernels(portableEngine).ed25519, portableEngine.ed25519);
});

test("the checked-in module is what its source compiles to", () => {
  const script = join(import.meta.dirname, "..", "..", "scripts", "build-kernels.ts");
  const { status, stderr } = spawnSync(process.execPath, [script, "--check", "secp256k1"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
