import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromHex, toHex } from "@conclave/bytes";
import { schnorr } from "@noble/curves/secp256k1.js";
import { address as bitcoinjs, initEccLib } from "bitcoinjs-lib";
import fc from "fast-check";
import * as libsecp from "tiny-secp256k1";
import { AddressError, dustLimit, networks, outputType, parseAddress, printAddress } from "./index.ts";
import type { AddressErrorCode, Network } from "./index.ts";

const { mainnet, testnet, signet, testnet4, regtest } = networks;

const refuses = (
  text: string,
  code: AddressErrorCode,
  { on = mainnet, message = /./ }: { on?: Network; message?: RegExp } = {},
): void =>
  assert.throws(
    () => parseAddress(text, on),
    (error) =>
      error instanceof AddressError &&
      (assert.equal(error.code, code, error.message), assert.match(error.message, message), true),
  );

describe("BIP173 and BIP350 addresses", () => {
  const valid: readonly [string, Network, string][] = [
    ["BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", mainnet, "0014751e76e8199196d454941c45d1b3a323f1433bd6"],
    [
      "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
      testnet,
      "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ],
    [
      "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
      signet,
      "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ],
    [
      "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
      testnet4,
      "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ],
    [
      "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
      mainnet,
      "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ],
  ];
  for (const [text, network, script] of valid) {
    test(`${text} on ${network.name}`, () => {
      assert.equal(toHex(parseAddress(text, network).scriptPubKey), script);
      assert.equal(printAddress(fromHex(script), network), text.toLowerCase());
    });
  }

  const invalid: readonly [string, Network, AddressErrorCode][] = [
    ["tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut", mainnet, "not-an-address"],
    ["bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", mainnet, "wrong-checksum-variant"],
    ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", mainnet, "wrong-checksum-variant"],
    ["tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47", testnet, "wrong-checksum-variant"],
    ["tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf", testnet, "unknown-witness-version"],
    ["BC1SW50QGDZ25J", mainnet, "unknown-witness-version"],
    ["bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", mainnet, "unknown-witness-version"],
    ["bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", mainnet, "checksum"],
    ["BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", mainnet, "wrong-length"],
    ["bc1pw5dgrnzv", mainnet, "wrong-length"],
    ["bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav", mainnet, "wrong-length"],
    ["bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y", mainnet, "wrong-length"],
    ["BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", mainnet, "wrong-length"],
    ["tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", testnet, "mixed-case"],
    ["bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", mainnet, "wrong-length"],
    ["tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j", testnet, "wrong-length"],
    ["bc1gmk9yu", mainnet, "checksum"],
  ];
  for (const [text, network, code] of invalid)
    test(`${text} is refused: ${code}`, () => refuses(text, code, { on: network }));
});

describe("a refusal says what a person must know", () => {
  test("of another network, both names", () => {
    refuses("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "wrong-network", {
      on: regtest,
      message: /^This is a mainnet address; this wallet is on regtest\.$/,
    });
    refuses("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "wrong-network", { message: /test network .*on mainnet/ });
    refuses("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "wrong-network", {
      on: testnet,
      message: /regtest address.*on testnet/,
    });
    refuses("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "wrong-network", {
      on: signet,
      message: /mainnet address.*on signet/,
    });
    refuses("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "wrong-network", { message: /test network/ });
  });
  test("of a typing error, that it is one", () => {
    refuses("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "checksum", { message: /mistyped/ });
    refuses("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "checksum", { message: /mistyped/ });
    refuses("BC1QW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "mixed-case", { message: /upper and lower case/ });
  });
  test("of an unknown witness version, what would happen", () =>
    refuses("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "unknown-witness-version", { message: /version 2.*anybody/ }));
  test("of a Taproot key that no one can have", () => {
    const offCurve = printAddress(fromHex(`5120${"ff".repeat(32)}`), mainnet)!;
    refuses(offCurve, "not-on-curve", { message: /never be spent/ });
  });
  test("of anything else, that it is no address", () => {
    refuses("", "empty");
    refuses("   ", "empty");
    refuses("hello world", "not-an-address");
    refuses("a".repeat(91), "not-an-address", { message: /91 characters/ });
    refuses(
      "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
      "not-an-address",
    );
    refuses("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", "not-an-address", { message: /holds 32 bytes/ });
    refuses("LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1", "unknown-version", { message: /version 48/ });
  });
});

describe("addresses of every type", () => {
  initEccLib(libsecp);
  const hash20 = fc.uint8Array({ minLength: 20, maxLength: 20 });
  const hash32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const secret = hash32.filter((bytes) => libsecp.isPrivate(bytes));
  const scripts = {
    p2pkh: hash20.map((hash) => Uint8Array.from([0x76, 0xa9, 20, ...hash, 0x88, 0xac])),
    p2sh: hash20.map((hash) => Uint8Array.from([0xa9, 20, ...hash, 0x87])),
    p2wpkh: hash20.map((hash) => Uint8Array.from([0, 20, ...hash])),
    p2wsh: hash32.map((hash) => Uint8Array.from([0, 32, ...hash])),
    p2tr: secret.map((key) => Uint8Array.from([0x51, 32, ...schnorr.getPublicKey(key)])),
  } as const;
  const dust = { p2pkh: 546n, p2sh: 540n, p2wpkh: 294n, p2wsh: 330n, p2tr: 330n } as const;

  for (const [type, anyScript] of Object.entries(scripts) as [keyof typeof scripts, fc.Arbitrary<Uint8Array>][]) {
    test(`${type}: bitcoinjs-lib prints the same, and reading gives the script back`, () => {
      fc.assert(
        fc.property(anyScript, fc.constantFrom(...Object.values(networks)), (script, network) => {
          const text = printAddress(script, network)!;
          const { bech32Prefix: bech32, pubKeyHashVersion: pubKeyHash, scriptHashVersion: scriptHash } = network;
          const theirs = {
            messagePrefix: "",
            bech32,
            bip32: { public: 0, private: 0 },
            pubKeyHash,
            scriptHash,
            wif: 0,
          };
          assert.equal(text, bitcoinjs.fromOutputScript(script, theirs));
          assert.deepEqual(parseAddress(text, network), { type, scriptPubKey: script, dust: dust[type] });
          assert.equal(outputType(script), type);
          assert.equal(dustLimit(script), dust[type]);
        }),
        { numRuns: 30 },
      );
    });
  }

  test("every single wrong character is noticed", () => {
    const text = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    for (let i = 5; i < text.length; i++) {
      const other = text[i] === "q" ? "p" : "q";
      assert.throws(() => parseAddress(text.slice(0, i) + other + text.slice(i + 1), regtest), AddressError);
    }
  });
  test("scripts without an address have none, and no dust limit", () => {
    const templates = ["5114", "0015", "5220", "0021", "5121"].flatMap((start) =>
      [20, 32].map((length) => start + "00".repeat(length)),
    );
    templates.push(`a914${"00".repeat(20)}88`, `a915${"00".repeat(20)}87`);
    for (const script of [
      "",
      "6a0401020304",
      "51",
      `5220${"00".repeat(32)}`,
      `76a914${"00".repeat(20)}8888`,
      ...templates,
    ]) {
      assert.equal(printAddress(fromHex(script), mainnet), undefined);
      assert.throws(() => dustLimit(fromHex(script)), RangeError);
    }
  });
});
