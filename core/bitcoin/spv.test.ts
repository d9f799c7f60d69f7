import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes, fromHex, toHex } from "@conclave/bytes";
import fc from "fast-check";
import {
  hash256,
  InclusionRefused,
  networks,
  parseTransaction,
  printHash,
  SAFE_DEPTH,
  serializeTransaction,
  spends,
  targetOf,
  txidBytes,
  txidOf,
  verifyInclusion,
} from "./index.ts";
import type { InclusionClaim, InclusionRefusal, MerkleProof, RawTransaction } from "./index.ts";
import { merkleTree, mineHeader, mineOn, proofOf } from "./testing/small-chain.ts";
import { txidOfNumber } from "./testing/single-key-wallet.ts";

const { mainnet, regtest } = networks;

const transaction: RawTransaction = {
  version: 2,
  inputs: [
    {
      outpoint: { txid: txidOfNumber(5), vout: 3 },
      scriptSig: new Uint8Array(),
      sequence: 0xffff_fffd,
      witness: [new Uint8Array(64)],
    },
  ],
  outputs: [{ value: 1_000n, script: fromHex(`5120${"11".repeat(32)}`) }],
  locktime: 7,
};
const rawTx = serializeTransaction(transaction);
const leaf = txidBytes(txidOf(transaction));

/** A block of `count` transactions with ours at `pos`, and five blocks on top. */
function claimIn(count: number, pos: number): InclusionClaim {
  const txids = Array.from({ length: count }, (_, i) => (i === pos ? leaf : hash256(Uint8Array.of(i, i >> 8))));
  const first = mineHeader({ previous: new Uint8Array(32), merkleRoot: merkleTree(txids, pos).root });
  return { rawTx, proof: proofOf(txids, pos, 120), headers: mineOn(first, 5), depth: SAFE_DEPTH, network: regtest };
}

const good = claimIn(7, 4);

const refuses = (change: Partial<InclusionClaim>, code: InclusionRefusal): void =>
  assert.throws(
    () => verifyInclusion({ ...good, ...change }),
    (error) => error instanceof InclusionRefused && (assert.equal(error.code, code, error.message), true),
  );
const withProof = (change: Partial<MerkleProof>): Partial<InclusionClaim> => ({ proof: { ...good.proof, ...change } });

describe("a transaction is buried", () => {
  test("under as many blocks as headers show", () => {
    assert.deepEqual(verifyInclusion(good), { txid: txidOf(transaction), height: 120, depth: 6 });
  });
  test("at any position of a block of any size", () => {
    for (const count of [1, 2, 3, 4, 5, 8, 9, 31]) {
      for (let pos = 0; pos < count; pos++)
        assert.equal(verifyInclusion(claimIn(count, pos)).depth, 6, `${pos} of ${count}`);
    }
  });
  test("as in mainnet's block 100,000, whose work is not enough to convince us today", () => {
    const txids = [
      "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
      "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
      "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
      "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
    ].map(txidBytes);
    const reward = fromHex(
      "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff08044c86041b020602ffffffff0100f2052a010000004341041b0e8c2567c12536aa13357b79a073dc4444acb83c4ec7a0e2f99dd7457516c5817242da796924ca4e99947d087fedf9ce467cb9f7c6287078f801df276fdf84ac00000000",
    );
    const header = concatBytes(
      fromHex("01000000"),
      txidBytes("000000000002d01c1fccc21636b607dfd930d31d01c3a62104612a1719011250"),
      txidBytes("f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766"),
      fromHex("37221b4d"),
      fromHex("4c86041b"),
      Uint8Array.of(...[0, 8, 16, 24].map((shift) => 274148111 >>> shift)),
    );
    assert.equal(printHash(hash256(header)), "000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506");
    const claim = { rawTx: reward, proof: proofOf(txids, 0, 100_000), headers: [header], depth: 1 };
    assert.equal(
      verifyInclusion({ ...claim, network: { ...mainnet, spvTarget: targetOf(mainnet.powLimitBits)! } }).height,
      100_000,
    );
    refuses({ ...claim, network: mainnet }, "too-little-work");
  });
});

describe("a Merkle branch is refused", () => {
  test("with any bit of any sibling changed", () => {
    for (const [i, sibling] of good.proof.merkle.entries()) {
      const bytes = fromHex(sibling);
      for (let bit = 0; bit < 256; bit += 37) {
        const flipped = bytes.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        refuses(withProof({ merkle: good.proof.merkle.with(i, toHex(flipped)) }), "not-in-block");
      }
    }
  });
  test("with siblings reordered, missing or added", () => {
    refuses(withProof({ merkle: good.proof.merkle.toReversed() }), "not-in-block");
    refuses(withProof({ merkle: good.proof.merkle.slice(0, -1), pos: 0 }), "not-in-block");
    refuses(withProof({ merkle: [...good.proof.merkle, "00".repeat(32)] }), "not-in-block");
    refuses(withProof({ merkle: [], pos: 0 }), "not-in-block");
  });
  test("at another position", () => {
    for (const pos of [0, 1, 2, 3, 5, 6, 7]) refuses(withProof({ pos }), "not-in-block");
  });
  test("at a position beyond its own length, or no position", () => {
    for (const pos of [8, -1, 0.5, Number.NaN, 2 ** 40]) refuses(withProof({ pos }), "malformed-proof");
  });
  test("at no height", () => {
    for (const height of [-1, 0.5, Number.NaN]) refuses(withProof({ block_height: height }), "malformed-proof");
  });
  test("with something else than hashes in it", () => {
    for (const text of ["", "zz".repeat(32), "AB".repeat(32), "ab".repeat(31)])
      refuses(withProof({ merkle: [text, ...good.proof.merkle.slice(1)] }), "malformed-proof");
    const notText = [7, ...good.proof.merkle.slice(1)] as unknown as string[];
    refuses(withProof({ merkle: notText }), "malformed-proof");
    refuses(withProof({ merkle: {} as unknown as string[] }), "malformed-proof");
  });
  test("longer than any block needs", () =>
    refuses(withProof({ merkle: new Array<string>(18).fill("00".repeat(32)) }), "malformed-proof"));
  test("that names the copy of an odd last transaction (CVE-2012-2459)", () => {
    const { proof, headers } = claimIn(3, 2);
    assert.equal(verifyInclusion({ ...good, proof, headers }).depth, 6);
    refuses({ proof: { ...proof, pos: 3 }, headers }, "malformed-proof");
  });
});

describe("a transaction is refused", () => {
  test("that is another one", () => {
    refuses({ rawTx: serializeTransaction({ ...transaction, locktime: 8 }) }, "not-in-block");
  });
  test("that is none", () => {
    refuses({ rawTx: new Uint8Array() }, "not-a-transaction");
    refuses({ rawTx: rawTx.slice(1) }, "not-a-transaction");
    refuses({ rawTx: leaf }, "not-a-transaction");
  });
  test("whatever its witness says, the witness proves nothing and changes nothing", () => {
    const other = { ...transaction, inputs: [{ ...transaction.inputs[0]!, witness: [new Uint8Array(64).fill(1)] }] };
    assert.equal(verifyInclusion({ ...good, rawTx: serializeTransaction(other) }).txid, txidOf(transaction));
  });

  /** One input, one output, scripts of four bytes in all: 64 bytes, like two hashes side by side. */
  const sixtyFour = (script: string, hash: Uint8Array): Uint8Array => {
    const start = concatBytes(
      fromHex("01000000"),
      Uint8Array.of(1),
      hash.slice(0, 32),
      fromHex("00000000"),
      Uint8Array.of(0),
      fromHex("ffffffff"),
    );
    return concatBytes(
      start,
      Uint8Array.of(1),
      new Uint8Array(8),
      Uint8Array.of(4),
      fromHex(script),
      fromHex("00000000"),
    );
  };
  test("of 64 bytes, which could be an inner node (CVE-2017-12842)", () => {
    const raw = sixtyFour("51515151", leaf);
    assert.equal(raw.length, 64);
    assert.equal(parseTransaction(raw).outputs.length, 1);
    const root = hash256(raw);
    const headers = mineOn(mineHeader({ previous: new Uint8Array(32), merkleRoot: root }), 5);
    refuses({ rawTx: raw, proof: { block_height: 120, merkle: [], pos: 0 }, headers }, "ambiguous-transaction");
    assert.throws(() => spends(raw), InclusionRefused);
  });
  test("under an inner node that reads as a transaction of 64 bytes, whose second half is a txid that was never mined", () => {
    // A locktime was searched once for which the txid of `transaction` reads as the end of 64 such bytes.
    const raw = serializeTransaction({ ...transaction, locktime: GROUND_LOCKTIME });
    const forged = txidBytes(txidOf(parseTransaction(raw)));
    const start = concatBytes(fromHex("01000000"), Uint8Array.of(1), new Uint8Array(27).fill(9));
    const mined = concatBytes(start, forged);
    assert.deepEqual(
      parseTransaction(mined).inputs.length,
      1,
      "the pair of hashes is a transaction that a miner could include",
    );
    const headers = mineOn(mineHeader({ previous: new Uint8Array(32), merkleRoot: hash256(mined) }), 5);
    refuses(
      { rawTx: raw, proof: { block_height: 120, merkle: [printHash(start)], pos: 1 }, headers },
      "ambiguous-transaction",
    );
  });
});

const GROUND_LOCKTIME = 3_888_005;

describe("an inner node reads as a transaction", () => {
  /** Our transaction with a locktime for which the fifth byte of its txid has a wanted value: the number of inputs. */
  const withFifthByte = (wanted: number): Uint8Array => {
    for (let locktime = 0; ; locktime++) {
      const raw = serializeTransaction({ ...transaction, locktime });
      if (txidBytes(txidOf(parseTransaction(raw)))[4] === wanted) return raw;
    }
  };
  const above = (raw: Uint8Array, sibling: Uint8Array): InclusionClaim => {
    const root = hash256(concatBytes(txidBytes(txidOf(parseTransaction(raw))), sibling));
    const headers = mineOn(mineHeader({ previous: new Uint8Array(32), merkleRoot: root }), 5);
    return { ...good, rawTx: raw, proof: { block_height: 120, merkle: [printHash(sibling)], pos: 0 }, headers };
  };
  const oneInput = withFifthByte(1);
  const rightHalf = (scriptSig: number, { outputs = 1, script = 4 - scriptSig } = {}): Uint8Array =>
    new Uint8Array(32)
      .fill(0xee)
      .with(9, scriptSig)
      .with(14 + (scriptSig % 5), outputs)
      .with(23 + (scriptSig % 5), script);

  test("if it has one input, one output and scripts of four bytes in all", () => {
    for (const scriptSig of [0, 1, 2, 3, 4]) refuses(above(oneInput, rightHalf(scriptSig)), "ambiguous-transaction");
  });
  test("and not if any of these is otherwise", () => {
    assert.equal(verifyInclusion(above(withFifthByte(2), rightHalf(0))).depth, 6);
    assert.equal(verifyInclusion(above(oneInput, rightHalf(0, { outputs: 2 }))).depth, 6);
    assert.equal(verifyInclusion(above(oneInput, rightHalf(0, { script: 5 }))).depth, 6);
    assert.equal(verifyInclusion(above(oneInput, rightHalf(5, { script: 0xff }))).depth, 6);
  });
});

describe("headers are refused", () => {
  const { headers } = good;
  const root = merkleTree([leaf], 0).root;
  const alone: Pick<InclusionClaim, "rawTx" | "proof"> = { rawTx, proof: { block_height: 2_012, merkle: [], pos: 0 } };
  const first = mineHeader({ previous: new Uint8Array(32), merkleRoot: root });

  test("too few for the depth asked, or for none", () => {
    refuses({ headers: headers.slice(0, 5) }, "too-shallow");
    refuses({ headers: [] }, "too-shallow");
    refuses({ depth: 7 }, "too-shallow");
    for (const depth of [0, -1, 1.5, Number.NaN]) refuses({ depth }, "too-shallow");
    assert.equal(verifyInclusion({ ...good, headers: headers.slice(0, 1), depth: 1 }).depth, 1);
  });
  test("without the work that they claim", () => {
    const idle = mineHeader({ previous: hash256(headers[4]!), merkleRoot: root, worked: false });
    refuses({ headers: headers.with(5, idle) }, "work-not-done");
  });
  test("easier than consensus allows", () => {
    for (const bits of [0x20ffffff, 0x2100ffff, 0x207fffff + 0x01000000]) {
      const easy = headers[5]!.slice();
      new DataView(easy.buffer).setUint32(72, bits, true);
      refuses({ headers: headers.with(5, easy) }, "too-little-work");
    }
  });
  test("with a target that is zero or negative", () => {
    for (const bits of [0, 0x20000000, 0x20800001, 0x01003456]) {
      const broken = headers[5]!.slice();
      new DataView(broken.buffer).setUint32(72, bits, true);
      refuses({ headers: headers.with(5, broken) }, "too-little-work");
    }
  });
  test("of another network's difficulty", () => {
    for (const name of ["mainnet", "testnet", "testnet4", "signet"] as const)
      refuses({ network: networks[name] }, "too-little-work");
  });
  test("easier than consensus allows, even if the floor were lower", () => {
    refuses({ network: { ...mainnet, spvTarget: 2n ** 256n } }, "too-little-work");
  });
  test("in another order, with a gap, or from two chains", () => {
    refuses({ headers: headers.toReversed() }, "chain-broken");
    refuses({ headers: [headers[0]!, ...headers.slice(2), headers[1]!] }, "chain-broken");
    refuses(
      { headers: headers.with(1, mineHeader({ previous: new Uint8Array(32), merkleRoot: root })) },
      "chain-broken",
    );
    refuses({ headers: new Array<Uint8Array>(6).fill(headers[0]!) }, "chain-broken");
  });
  test("that begin at another block", () => {
    refuses({ headers: headers.slice(1), depth: 5 }, "not-in-block");
  });
  test("of any length but 80 bytes", () => {
    for (const length of [0, 79])
      refuses({ headers: headers.with(3, headers[3]!.slice(0, length)) }, "malformed-header");
    refuses({ headers: headers.with(3, concatBytes(headers[3]!, Uint8Array.of(0))) }, "malformed-header");
  });
  test("beyond two weeks of them", () =>
    refuses({ headers: new Array<Uint8Array>(2_017).fill(headers[0]!) }, "malformed-header"));
  test("with any byte changed", () => {
    fc.assert(
      fc.property(fc.nat(5), fc.nat(79), fc.integer({ min: 1, max: 255 }), (i, at, flip) => {
        const changed = headers[i]!.slice();
        changed[at]! ^= flip;
        // The last header's previous-hash link is to its parent; what else it commits to, nothing above it confirms but its work.
        if (i === 5 && (at < 4 || at >= 36)) return;
        assert.throws(() => verifyInclusion({ ...good, headers: headers.with(i, changed) }), InclusionRefused);
      }),
      { numRuns: 200 },
    );
  });

  describe("where the difficulty is steady", () => {
    const network = { ...regtest, steadyDifficulty: true };
    const chain = (height: number, bits: number): Partial<InclusionClaim> => ({
      ...alone,
      proof: { ...alone.proof, block_height: height },
      headers: [first, ...mineOn(mineHeader({ previous: hash256(first), merkleRoot: root, bits }), 4, bits)],
      network,
    });
    test("if it changes anywhere but every 2016 blocks", () => {
      assert.equal(verifyInclusion({ ...good, ...chain(2_015, 0x203fffff) }).height, 2_015);
      refuses(chain(2_014, 0x203fffff), "difficulty-jump");
      refuses(chain(2_016, 0x203fffff), "difficulty-jump");
      assert.equal(verifyInclusion({ ...good, ...chain(2_016, 0x203fffff), network: regtest }).height, 2_016);
    });
    test("if it changes by more than a factor of four", () => {
      assert.equal(verifyInclusion({ ...good, ...chain(2_015, 0x201fffff) }).depth, 6);
      refuses(chain(2_015, 0x200fffff), "difficulty-jump");
      const hard = mineHeader({ previous: new Uint8Array(32), merkleRoot: root, bits: 0x200fffff });
      const easier = mineOn(mineHeader({ previous: hash256(hard), merkleRoot: root }), 4);
      refuses({ ...chain(2_015, 0x207fffff), headers: [hard, ...easier] }, "difficulty-jump");
    });
  });
});

describe("what a transaction spends", () => {
  test("is read from its bytes", () => {
    assert.deepEqual(spends(rawTx), { txid: txidOf(transaction), outpoints: [{ txid: txidOfNumber(5), vout: 3 }] });
  });
  test("is nothing if they are none", () => assert.throws(() => spends(rawTx.slice(0, -1)), InclusionRefused));
});

describe("compact targets", () => {
  // The examples of Bitcoin Core's arith_uint256 tests.
  const rows: readonly [number, bigint | undefined][] = [
    [0x1d00ffff, 0xffffn << 208n],
    [0x05009234, 0x92340000n],
    [0x04123456, 0x12345600n],
    [0x02123456, 0x1234n],
    [0x01123456, 0x12n],
    [0x01003456, undefined],
    [0x00123456, undefined],
    [0x04923456, undefined],
    [0x01fedcba, undefined],
    [0x20123456, 0x123456n << 232n],
    [0xff123456, undefined],
  ];
  for (const [bits, target] of rows) {
    test(`0x${bits.toString(16).padStart(8, "0")} is ${target === undefined ? "none" : `0x${target.toString(16)}`}`, () => {
      assert.equal(targetOf(bits), target);
    });
  }
});
