import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "@conclave/bytes";
import { seededRng } from "@conclave/crypto/testing";
import { Wallet as BdkWallet } from "@metamask/bitcoindevkit";
import { sha256 } from "@noble/hashes/sha2.js";
import { createBase58check } from "@scure/base";
import * as wally from "wallycore";
import {
  CHANGE,
  deriveScript,
  descriptorChecksum,
  fingerprint,
  MAX_INDEX,
  networks,
  parseAddress,
  printBranchDescriptor,
  printDescriptor,
  printExtendedKey,
  RECEIVE,
  tweakOf,
} from "./index.ts";
import type { ScriptType, Wallet } from "./index.ts";
import { SCRIPT_TYPES, singleKeyWallet } from "./testing/single-key-wallet.ts";

/** The account key of BIP86's test vectors (m/86'/0'/0'). */
const ACCOUNT =
  "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ";

function walletOf(extendedKey: string, scriptType: ScriptType = "p2tr"): Wallet {
  const bytes = createBase58check(sha256).decode(extendedKey);
  return { network: networks.mainnet, scriptType, chainCode: bytes.slice(13, 45), publicKey: bytes.slice(45) };
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
      assert.ok(script.scriptType === "p2tr");
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

/** The account key of BIP84's test vectors (m/84'/0'/0'), whose version bytes say "zpub"; ours are BIP32's. */
const KEY_HASH_ACCOUNT =
  "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";

describe("BIP84", () => {
  const rows = [
    {
      branch: RECEIVE,
      index: 0,
      publicKey: "0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c",
      address: "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
    },
    {
      branch: RECEIVE,
      index: 1,
      publicKey: "03e775fd51f0dfb8cd865d9ff1cca2a158cf651fe997fdc9fee9c1d3b5e995ea77",
      address: "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
    },
    {
      branch: CHANGE,
      index: 0,
      publicKey: "03025324888e429ab8e3dbaf1f7802648b9cd01e9b418485c5fa4c1b9b5700e1a6",
      address: "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el",
    },
  ] as const;
  for (const { branch, index, publicKey, address } of rows) {
    test(`branch ${branch}, index ${index}`, () => {
      const script = deriveScript(walletOf(KEY_HASH_ACCOUNT, "p2wpkh"), branch, index);
      assert.equal(toHex(script.outputKey), publicKey);
      assert.equal(script.address, address);
      assert.deepEqual(parseAddress(address, networks.mainnet).scriptPubKey, script.scriptPubKey);
      assert.deepEqual([script.scriptType, script.branch, script.index], ["p2wpkh", branch, index]);
    });
  }

  test("is derivation alone, where BIP86 also tweaks", () => {
    assert.deepEqual(tweakOf({ branch: 1, index: 7, scriptType: "p2wpkh" }), { path: [1, 7], taproot: null });
    const taproot = { path: [1, 7], taproot: { merkleRoot: null } };
    assert.deepEqual(tweakOf({ branch: 1, index: 7, scriptType: "p2tr" }), taproot);
    assert.deepEqual(tweakOf({ branch: 1, index: 7 }), taproot, "the default");
    for (const scriptType of SCRIPT_TYPES) {
      const script = deriveScript(walletOf(ACCOUNT, scriptType), CHANGE, 7);
      assert.deepEqual(tweakOf(script), tweakOf({ branch: 1, index: 7, scriptType }));
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
    const origin = fingerprint(wallet).toString(16).padStart(8, "0");
    assert.match(
      printDescriptor({ ...wallet, scriptType: "p2wpkh" }),
      new RegExp(`^wpkh\\(\\[${origin}\\]${extendedKey}/<0;1>/\\*\\)#[02-9ac-hj-np-z]{8}$`),
    );
  });
});

describe("BDK and libwally see the same wallet", () => {
  for (const scriptType of SCRIPT_TYPES)
    for (let run = 0; run < 5; run++) {
      const seed = `wallet ${run}`;
      test(`descriptor and addresses of "${seed}", ${scriptType}`, () => {
        const network = run % 2 === 0 ? networks.regtest : networks.mainnet;
        const wallet = singleKeyWallet(network, seededRng(seed), scriptType);
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
        const both = wally.descriptor_parse(printDescriptor(wallet), null, network.name === "mainnet" ? 1 : 0xff, 0);
        for (const branch of [RECEIVE, CHANGE]) {
          const { address } = deriveScript(wallet, branch, 21);
          assert.equal(wally.descriptor_to_address(both, 0, branch, 21, 0), address, "BIP389's two branches");
        }
        wally.descriptor_free(both);
      });
    }

  test("and the fingerprint is that of BIP32's first vector for its master key", () => {
    const master =
      "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8";
    assert.equal(fingerprint(walletOf(master)).toString(16), "3442193e");
    assert.equal(printExtendedKey(walletOf(master)), master);
  });
});
