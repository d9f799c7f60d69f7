import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes } from "@conclave/bytes";
import { networks, parseHeader, printHash, targetOf, txidBytes } from "./index.ts";
import type { NetworkName } from "./index.ts";

/** Fields of every network's block 0, as in Bitcoin Core's chain parameters. */
const SATOSHIS_ROOT = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
const TESTNET4_ROOT = "7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e";
const genesis: { readonly [N in NetworkName]: { merkleRoot: string; time: number; bits: number; nonce: number } } = {
  mainnet: { merkleRoot: SATOSHIS_ROOT, time: 1231006505, bits: 0x1d00ffff, nonce: 2083236893 },
  testnet: { merkleRoot: SATOSHIS_ROOT, time: 1296688602, bits: 0x1d00ffff, nonce: 414098458 },
  testnet4: { merkleRoot: TESTNET4_ROOT, time: 1714777860, bits: 0x1d00ffff, nonce: 393743547 },
  signet: { merkleRoot: SATOSHIS_ROOT, time: 1598918400, bits: 0x1e0377ae, nonce: 52613770 },
  regtest: { merkleRoot: SATOSHIS_ROOT, time: 1296688602, bits: 0x207fffff, nonce: 2 },
};

const uint32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

describe("network facts", () => {
  for (const network of Object.values(networks)) {
    const { merkleRoot, time, bits, nonce } = genesis[network.name];
    const header = concatBytes(
      uint32(1),
      new Uint8Array(32),
      txidBytes(merkleRoot),
      uint32(time),
      uint32(bits),
      uint32(nonce),
    );

    test(`${network.name}: block 0 hashes to the genesis hash`, () => {
      assert.equal(printHash(parseHeader(header).hash), network.genesisHash);
    });
    test(`${network.name}: block 0 is as easy as a block can be, and evidence must be at least as hard`, () => {
      assert.equal(network.powLimitBits, bits);
      assert.ok(network.spvTarget <= targetOf(network.powLimitBits)!);
    });
  }

  test("the genesis hash tells every network from every other", () => {
    assert.equal(new Set(Object.values(networks).map(({ genesisHash }) => genesisHash)).size, 5);
  });
  test("only mainnet asks for more work than consensus does", () => {
    const stricter = Object.values(networks).filter(
      ({ spvTarget, powLimitBits }) => spvTarget < targetOf(powLimitBits)!,
    );
    assert.deepEqual(
      stricter.map(({ name }) => name),
      ["mainnet"],
    );
  });
});
