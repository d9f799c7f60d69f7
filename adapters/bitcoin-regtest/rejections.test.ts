import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { script, Transaction } from "bitcoinjs-lib";
import * as ecc from "tiny-secp256k1";
import { internalHash } from "./hash.ts";
import { openRegtest, type Regtest, Rejected } from "./index.ts";
import { GENESIS_HASH } from "./params.ts";
import { fund, type Kind, scriptOf, spend, type SpendPlan, type TestCoin, testKey } from "./testing/spender.ts";

const alice = testKey("alice");
const bob = testKey("bob");
const toBob = scriptOf(bob, "wpkh");
const VALUE = 100_000;

let chain: Regtest;
before(async () => {
  chain = await openRegtest({ premine: 150 });
});

const freshCoin = (kind: Kind = "wpkh", value = VALUE): TestCoin => fund(chain, { key: alice, kind, value });
/** Pays `value` to Bob out of the given coins, or out of a new one (which takes a block). */
function pay(value: number, plan: Partial<SpendPlan> = {}): Transaction {
  const coins = plan.coins ?? [freshCoin()];
  return spend(chain, { outputs: [{ script: toBob, value: BigInt(value) }], ...plan, coins });
}

/** Broadcasting must fail with this code and a message that begins with this text, and leave the mempool alone. */
function refused(tx: Transaction | string, code: number, text: string): void {
  const waiting = chain.mempool.entries().map(({ txid }) => txid);
  assert.throws(
    () => chain.broadcast(typeof tx === "string" ? tx : tx.toHex()),
    (error) => {
      assert.ok(error instanceof Rejected, String(error));
      assert.deepEqual({ code: error.code, text: error.message.slice(0, text.length) }, { code, text });
      return true;
    },
  );
  assert.deepEqual(
    chain.mempool.entries().map(({ txid }) => txid),
    waiting,
  );
}

describe("refuses what is not a transaction", () => {
  for (const [what, hex] of [
    ["text", "zz"],
    ["nothing", ""],
    ["an odd digit", "0"],
    ["cut bytes", "0200000001"],
  ] as const) {
    test(what, () => refused(hex, -22, "TX decode failed"));
  }
  test("bytes after the end", () => refused(`${pay(90_000).toHex()}00`, -22, "TX decode failed"));
});

describe("refuses a broken shape", () => {
  test("no inputs", () => {
    const output = { script: toBob, value: 1_000n }; // two of them: one would read as BIP144's marker
    refused(spend(chain, { coins: [], outputs: [output, output] }), -26, "bad-txns-vin-empty");
  });
  test("no outputs", () => {
    const tx = pay(90_000);
    tx.outs = [];
    refused(tx, -26, "bad-txns-vout-empty");
  });
  test("an input twice", () => {
    const coin = freshCoin();
    refused(pay(90_000, { coins: [coin, coin] }), -26, "bad-txns-inputs-duplicate");
  });
  test("a negative value", () => refused(withValues([-1n]), -26, "bad-txns-vout-negative"));
  test("a value above all money", () => refused(withValues([2_100_000_000_000_001n]), -26, "bad-txns-vout-toolarge"));
  test("a sum above all money", () => {
    refused(withValues([2_100_000_000_000_000n, 1n]), -26, "bad-txns-txouttotal-toolarge");
  });
  test("more than a block", () => refused(bulky(11_000), -26, "bad-txns-oversize"));
  test("a null input beside others", () => {
    const tx = pay(90_000);
    tx.addInput(new Uint8Array(32), 0xffffffff);
    refused(tx, -26, "bad-txns-prevout-null");
  });
  test("a coinbase of the wrong length", () => refused(looseCoinbase(1), -26, "bad-cb-length"));
  test("a loose coinbase", () => refused(looseCoinbase(4), -26, "coinbase"));
});

function withValues(values: readonly bigint[]): Transaction {
  const tx = pay(90_000);
  tx.outs = values.map((value) => ({ script: toBob, value }));
  return tx;
}

function bulky(outputs: number): Transaction {
  const tx = pay(90_000);
  tx.outs = Array.from({ length: outputs }, () => ({ script: Buffer.alloc(100, 0x6a), value: 0n }));
  return tx;
}

function looseCoinbase(length: number): Transaction {
  const tx = new Transaction();
  tx.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, new Uint8Array(length));
  tx.addOutput(toBob, 1000n);
  return tx;
}

describe("refuses what is not standard", () => {
  for (const version of [0, 4, 0xffffffff]) {
    test(`version ${version}`, () => refused(pay(90_000, { version }), -26, "version"));
  }
  for (const version of [1, 2, 3]) {
    test(`but takes version ${version}`, () => assert.ok(chain.broadcast(pay(90_000, { version }).toHex())));
  }
  test("more than 400,000 weight units", () => refused(bulky(1000), -26, "tx-size"));
  test("a long scriptSig", () => {
    const tx = pay(90_000);
    tx.ins[0]!.script = new Uint8Array(1651);
    refused(tx, -26, "scriptsig-size");
  });
  test("an unknown output script", () => refused(paysScript(Uint8Array.of(0x52)), -26, "scriptpubkey"));
  test("an empty output script", () => refused(paysScript(new Uint8Array()), -26, "scriptpubkey"));
  test("much data", () => refused(paysScript(Buffer.alloc(84, 0x6a)), -26, "datacarrier"));
  test("fewer than 65 bytes", () => {
    const tx = pay(90_000);
    tx.outs = [{ script: Uint8Array.of(0x6a), value: 0n }];
    tx.ins[0]!.witness = [];
    assert.ok(tx.byteLength(false) < 65);
    refused(tx, -26, "tx-size-small");
  });
  // Bitcoin Core's GetDustThreshold at 3 sat/vB.
  for (const [name, output, limit] of [
    ["P2WPKH", toBob, 294],
    ["P2TR", scriptOf(bob, "tr"), 330],
    ["P2WSH", Buffer.concat([Buffer.of(0, 32), Buffer.alloc(32, 7)]), 330],
    ["P2SH", Buffer.concat([Buffer.of(0xa9, 20), Buffer.alloc(20, 7), Buffer.of(0x87)]), 540],
    ["P2PKH", Buffer.concat([Buffer.of(0x76, 0xa9, 20), Buffer.alloc(20, 7), Buffer.of(0x88, 0xac)]), 546],
  ] as const) {
    test(`dust: ${name} below ${limit}`, () => {
      const change = { script: scriptOf(alice, "wpkh"), value: 90_000n };
      refused(pay(0, { outputs: [{ script: output, value: BigInt(limit - 1) }, change] }), -26, "dust");
      assert.ok(chain.broadcast(pay(0, { outputs: [{ script: output, value: BigInt(limit) }, change] }).toHex()));
    });
  }
});

const paysScript = (output: Uint8Array): Transaction => pay(0, { outputs: [{ script: output, value: 90_000n }] });

describe("refuses what the chain does not allow yet", () => {
  test("a lock height of the next block", () => {
    const coins = [freshCoin()];
    refused(pay(90_000, { coins, lockTime: chain.height + 1 }), -26, "non-final");
    assert.ok(chain.broadcast(pay(90_000, { coins, lockTime: chain.height }).toHex()));
  });
  test("a lock time after the median time", () => {
    const coins = [freshCoin()];
    refused(pay(90_000, { coins, lockTime: chain.chain.medianTime() }), -26, "non-final");
    assert.ok(chain.broadcast(pay(90_000, { coins, lockTime: chain.chain.medianTime() - 1 }).toHex()));
  });
  test("but ignores the lock of a transaction with final sequences", () => {
    assert.ok(chain.broadcast(pay(90_000, { lockTime: 499_999_999, sequence: 0xffffffff }).toHex()));
  });
  test("a relative lock in blocks (BIP68)", () => {
    const coins = [freshCoin()];
    const tx = pay(90_000, { coins, sequence: 3 });
    refused(tx, -26, "non-BIP68-final");
    chain.mine(2);
    assert.ok(chain.broadcast(tx.toHex()));
  });
  test("a relative lock in time (BIP68)", async () => {
    let now = 1_800_000_000;
    const timed = await openRegtest({ now: () => now });
    const coin = fund(timed, { key: alice, kind: "wpkh", value: VALUE });
    const outputs = [{ script: toBob, value: 90_000n }];
    const tx = spend(timed, { coins: [coin], outputs, sequence: 0x00400002 });
    assert.throws(() => timed.broadcast(tx.toHex()), /non-BIP68-final/);
    now += 4_000;
    timed.mine(11); // the median of eleven blocks must move
    assert.ok(timed.broadcast(tx.toHex()));
  });
  test("but not in a version 1 transaction", () => {
    assert.ok(chain.broadcast(pay(90_000, { version: 1, sequence: 10 }).toHex()));
  });
  test("an immature coinbase, to the block", () => {
    const [hash] = chain.mine(1, { to: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" });
    const coinbase = chain.chain.byHash(hash!)!.entries[0]!.txid;
    const tx = new Transaction();
    tx.version = 2;
    tx.addInput(internalHash(coinbase), 0);
    tx.addOutput(toBob, 100_000n);
    chain.mine(98);
    refused(tx, -26, "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99");
    chain.mine(1);
    refused(tx, -25, "Fee exceeds maximum"); // mature now: the next rule speaks
  });
});

describe("refuses inputs that are not there", () => {
  test("never seen", () => {
    const tx = pay(90_000);
    tx.ins[0]!.hash = new Uint8Array(32).fill(7);
    refused(tx, -25, "bad-txns-inputs-missingorspent");
  });
  test("spent in a block", () => {
    const coins = [freshCoin()];
    chain.broadcast(pay(90_000, { coins }).toHex());
    chain.mine(1);
    refused(pay(80_000, { coins }), -25, "bad-txns-inputs-missingorspent");
  });
  test("the first block's coinbase", () => {
    const genesis = chain.chain.byHash(GENESIS_HASH)!.entries[0]!.txid;
    const tx = pay(90_000);
    tx.ins[0]!.hash = internalHash(genesis);
    tx.ins[0]!.index = 0;
    refused(tx, -25, "bad-txns-inputs-missingorspent");
  });
  test("a confirmed transaction posted again", () => {
    const tx = pay(90_000);
    chain.broadcast(tx.toHex());
    assert.equal(chain.broadcast(tx.toHex()), tx.getId(), "still waiting: fine");
    chain.mine(1);
    refused(tx, -27, "Transaction outputs already in utxo set");
  });
});

describe("refuses wrong money", () => {
  test("more out than in", () => refused(pay(VALUE + 1), -26, "bad-txns-in-belowout"));
  test("a fee below the minimum, to the satoshi", () => {
    const size = pay(90_000).virtualSize();
    refused(pay(VALUE - size + 1), -26, `min relay fee not met, ${size - 1} < ${size}`);
    assert.ok(chain.broadcast(pay(VALUE - size).toHex()));
  });
  test("an absurd fee", () => {
    const rich = freshCoin("wpkh", 50_000_000);
    refused(pay(1_000, { coins: [rich] }), -25, "Fee exceeds maximum configured by user");
  });
});

describe("refuses a bad spend", () => {
  const failed = (reason: string): string => `mandatory-script-verify-flag-failed (${reason}`;
  const altered = (kind: Kind, change: (tx: Transaction) => void, plan: Partial<SpendPlan> = {}): Transaction => {
    const tx = pay(90_000, { coins: [freshCoin(kind)], ...plan });
    change(tx);
    return tx;
  };
  const witness = (tx: Transaction): Uint8Array[] => tx.ins[0]!.witness;

  for (const kind of ["wpkh", "tr"] as const) {
    test(`${kind}: takes a good one`, () => assert.ok(chain.broadcast(altered(kind, () => undefined).toHex())));
    const wrong = kind === "wpkh" ? "Signature must be zero" : "Invalid Schnorr signature";
    const mutations: Record<string, (tx: Transaction) => void> = {
      "an output value": (tx) => (tx.outs[0]!.value -= 1n),
      "an output script": (tx) => (tx.outs[0]!.script = scriptOf(alice, "tr")),
      "the sequence": (tx) => (tx.ins[0]!.sequence = 0xfffffffc),
      "the lock time": (tx) => (tx.locktime = 1),
      "the version": (tx) => (tx.version = 1),
    };
    for (const [name, mutate] of Object.entries(mutations)) {
      test(`${kind}: ${name} changed after signing`, () => refused(altered(kind, mutate), -26, failed(wrong)));
    }
    test(`${kind}: a filled scriptSig`, () => {
      const tx = altered(kind, ({ ins }) => (ins[0]!.script = Uint8Array.of(0x51)));
      refused(tx, -26, failed("Witness requires empty scriptSig"));
    });
  }
  test("wpkh: another key", () => {
    refused(
      altered("wpkh", (tx) => (witness(tx)[1] = bob.publicKey)),
      -26,
      failed("Script failed an OP_EQUALVERIFY"),
    );
  });
  test("wpkh: an uncompressed key", () => {
    const long = ecc.pointCompress(alice.publicKey, false);
    refused(
      altered("wpkh", (tx) => (witness(tx)[1] = long)),
      -26,
      failed("Using non-compressed keys in segwit"),
    );
  });
  test("wpkh: three witness items", () => {
    refused(
      altered("wpkh", (tx) => witness(tx).push(Uint8Array.of(1))),
      -26,
      failed("Witness program hash mismatch"),
    );
  });
  test("wpkh: an empty signature", () => {
    refused(
      altered("wpkh", (tx) => (witness(tx)[0] = new Uint8Array())),
      -26,
      failed("Signature must be zero"),
    );
  });
  test("wpkh: no DER", () => {
    const change = (tx: Transaction): unknown => (witness(tx)[0]![0] = 0x31);
    refused(altered("wpkh", change), -26, failed("Non-canonical DER signature"));
  });
  test("wpkh: an undefined hash type", () => {
    const tx = altered("wpkh", () => undefined, { hashType: 0x04 });
    refused(tx, -26, failed("Signature hash type missing or not understood"));
  });
  test("wpkh: a high S", () => {
    const tx = altered("wpkh", (tx) => {
      witness(tx)[0] = withHighS(witness(tx)[0]!);
    });
    refused(tx, -26, failed("Non-canonical signature: S value is unnecessarily high"));
  });
  test("tr: an empty witness", () =>
    refused(
      altered("tr", (tx) => (tx.ins[0]!.witness = [])),
      -26,
      failed("Witness program was passed"),
    ));
  test("tr: an annex", () => {
    refused(
      altered("tr", (tx) => witness(tx).push(Uint8Array.of(0x50))),
      -26,
      failed("only the key path"),
    );
  });
  test("tr: 63 bytes", () => {
    const tx = altered("tr", (tx) => (witness(tx)[0] = witness(tx)[0]!.slice(0, 63)));
    refused(tx, -26, failed("Invalid Schnorr signature size"));
  });
  for (const byte of [0x00, 0x04, 0x80]) {
    test(`tr: 65 bytes that end in ${byte}`, () => {
      const tx = altered("tr", (tx) => (witness(tx)[0] = Buffer.concat([witness(tx)[0]!, Buffer.of(byte)])));
      refused(tx, -26, failed("Invalid Schnorr signature hash type"));
    });
  }
  for (const hashType of [0x01, 0x02, 0x03, 0x81, 0x82, 0x83]) {
    for (const kind of ["wpkh", "tr"] as const) {
      test(`${kind}: but takes hash type ${hashType}`, () => {
        assert.ok(chain.broadcast(pay(90_000, { coins: [freshCoin(kind)], hashType }).toHex()));
      });
    }
  }
  test("tr: SINGLE without its output", () => {
    const coins = [freshCoin("tr"), freshCoin("tr")];
    const tx = pay(190_000, { coins });
    tx.ins[1]!.witness = [Buffer.concat([new Uint8Array(64), Buffer.of(0x03)])];
    refused(tx, -26, failed("Invalid Schnorr signature hash type), input 1"));
  });
  test("a faucet coin with a witness", () => {
    const txid = chain.faucet("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", VALUE);
    const change = Transaction.fromHex(chain.rawTransaction(txid)!).outs.findIndex(({ script }) => script.length === 1);
    const tx = new Transaction();
    tx.version = 2;
    tx.addInput(internalHash(txid), change);
    const value = Transaction.fromHex(chain.rawTransaction(txid)!).outs[change]!.value;
    tx.addOutput(toBob, value - 1_000n);
    tx.ins[0]!.witness = [Uint8Array.of(1)];
    refused(tx, -26, failed("an OP_TRUE coin"));
  });
  test("an output type that only a full interpreter could judge", () => {
    const [txid] = [payTo(Buffer.concat([Buffer.of(0x76, 0xa9, 20), Buffer.alloc(20, 7), Buffer.of(0x88, 0xac)]))];
    const tx = new Transaction();
    tx.version = 2;
    tx.addInput(internalHash(txid), 0, 0xfffffffd, Uint8Array.of(0x51));
    tx.addOutput(toBob, 80_000n);
    refused(tx, -26, "bad-txns-nonstandard-inputs");
  });
});

function payTo(output: Uint8Array): string {
  const txid = chain.broadcast(paysScript(output).toHex());
  chain.mine(1);
  return txid;
}

/** The same signature with n − s in place of s: valid by consensus, refused by policy. */
function withHighS(signature: Uint8Array): Uint8Array {
  const { signature: compact, hashType } = script.signature.decode(signature);
  const s = ecc.privateNegate(compact.slice(32));
  return script.signature.encode(Buffer.concat([compact.slice(0, 32), s]), hashType);
}
