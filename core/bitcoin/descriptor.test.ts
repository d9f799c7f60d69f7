import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { Wallet as BdkWallet } from "@metamask/bitcoindevkit";
import { sha256 } from "@noble/hashes/sha2.js";
import { createBase58check } from "@scure/base";
import {
  CHANGE,
  deriveScript,
  descriptorChecksum,
  fingerprint,
  MAX_INDEX,
  networks,
  printBranchDescriptor,
  printDescriptor,
  printExtendedKey,
  RECEIVE,
} from "./index.ts";
import type { Wallet } from "./index.ts";
import { singleKeyWallet } from "./testing/single-key-wallet.ts";

/** The account key of BIP86's test vectors (m/86'/0'/0'). */
const ACCOUNT =
  "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ";

function walletOf(extendedKey: string): Wallet {
  const bytes = createBase58check(sha256).decode(extendedKey);
  return { network: networks.mainnet, scriptType: "p2tr", chainCode: bytes.slice(13, 45), publicKey: bytes.slice(45) };
}

describe("BIP86", () => {
  const rows = [
    {
      branch: RECEIVE,
      index: 0,
      internalKey: "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
      outputKey: "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
      address: "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
    },
    {
      branch: RECEIVE,
      index: 1,
      internalKey: "83dfe85a3151d2517290da461fe2815591ef69f2b18a2ce63f01697a8b313145",
      outputKey: "a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
      address: "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
    },
    {
      branch: CHANGE,
      index: 0,
      internalKey: "399f1b2f4393f29a18c937859c5dd8a77350103157eb880f02e8c08214277cef",
      outputKey: "882d74e5d0572d5a816cef0041a96b6c1de832f6f9676d9605c44d5e9a97d3dc",
      address: "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
    },
  ] as const;
  for (const { branch, index, internalKey, outputKey, address } of rows) {
    test(`branch ${branch}, index ${index}`, () => {
      const script = deriveScript(walletOf(ACCOUNT), branch, index);
      assert.equal(toHex(script.internalKey), internalKey);
      assert.equal(toHex(script.outputKey), outputKey);
      assert.equal(toHex(script.scriptPubKey), `5120${outputKey}`);
      assert.equal(script.address, address);
      assert.deepEqual([script.branch, script.index], [branch, index]);
    });
  }

  test("indices end at a million, and no index is hardened or fractional", () => {
    const wallet = walletOf(ACCOUNT);
    assert.equal(deriveScript(wallet, RECEIVE, MAX_INDEX).index, MAX_INDEX);
    for (const index of [MAX_INDEX + 1, -1, 0.5, 0x8000_0000, Number.NaN]) {
      assert.throws(() => deriveScript(wallet, RECEIVE, index), RangeError);
    }
  });
});

describe("descriptors", () => {
  test("BIP380's checksum", () => assert.equal(descriptorChecksum("raw(deadbeef)"), "89f8spxm"));
  test("no character that BIP380 does not know", () => assert.throws(() => descriptorChecksum("raw(ü)"), RangeError));
  test("BIP389 for both branches, an extended key of depth 0 below", () => {
    const wallet = singleKeyWallet(networks.mainnet, seededRng("descriptor"));
    const extendedKey = printExtendedKey(wallet);
    assert.match(extendedKey, /^xpub661MyMwAqRb/, "the prefix that every mainnet key of depth 0 has");
    assert.match(printExtendedKey({ ...wallet, network: networks.signet }), /^tpubD6NzVbkrYhZ4/);
    assert.match(printDescriptor(wallet), new RegExp(`^tr\\(${extendedKey}/<0;1>/\\*\\)#[02-9ac-hj-np-z]{8}$`));
  });
});

describe("BDK sees the same wallet", () => {
  for (let run = 0; run < 5; run++) {
    const seed = `wallet ${run}`;
    test(`descriptor and addresses of "${seed}"`, () => {
      const network = run % 2 === 0 ? networks.regtest : networks.mainnet;
      const wallet = singleKeyWallet(network, seededRng(seed));
      const [receive, change] = [RECEIVE, CHANGE].map((branch) => printBranchDescriptor(wallet, branch)) as [
        string,
        string,
      ];
      const theirs = BdkWallet.create(network.name === "mainnet" ? "bitcoin" : "regtest", receive, change);
      assert.equal(theirs.public_descriptor("external"), receive, "checksum and all");
      assert.equal(theirs.public_descriptor("internal"), change);
      for (const index of [0, 1, 2, 21, 999]) {
        assert.equal(
          theirs.peek_address("external", index).address.toString(),
          deriveScript(wallet, RECEIVE, index).address,
        );
        assert.equal(
          theirs.peek_address("internal", index).address.toString(),
          deriveScript(wallet, CHANGE, index).address,
        );
      }
    });
  }

  test("and the fingerprint is that of BIP32's first vector for its master key", () => {
    const master =
      "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8";
    assert.equal(fingerprint(walletOf(master)).toString(16), "3442193e");
    assert.equal(printExtendedKey(walletOf(master)), master);
  });
});
