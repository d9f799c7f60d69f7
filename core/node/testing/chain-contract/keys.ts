/** Coins that a test can spend on a chain with real rules: P2WPKH, whole keys, signatures by OpenSSL. */
import { createECDH, createHash, createPrivateKey, sign, type KeyObject } from "node:crypto";
import { concatBytes } from "@conclave/bytes";
import {
  hash256,
  serializeTransaction,
  txidBytes,
  txidOf,
  type Outpoint,
  type RawTransaction,
} from "@conclave/bitcoin";

/** A script and the key that spends from it. */
export interface KeyScript {
  readonly scriptPubKey: Uint8Array;
  /** Compressed. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

/** Script number `n`; the same one every time. */
export function keyScript(n: number): KeyScript {
  const ecdh = createECDH("secp256k1");
  ecdh.setPrivateKey(sha256(new TextEncoder().encode(`chain contract key ${n}`)));
  const [x, y] = [ecdh.getPublicKey().subarray(1, 33), ecdh.getPublicKey().subarray(33)];
  const text = (bytes: Buffer): string => bytes.toString("base64url");
  const jwk = { kty: "EC", crv: "secp256k1", x: text(x), y: text(y), d: text(ecdh.getPrivateKey()) };
  const publicKey = new Uint8Array(ecdh.getPublicKey(null, "compressed"));
  return {
    scriptPubKey: concatBytes(Uint8Array.of(0, 20), hash160(publicKey)),
    publicKey,
    privateKey: createPrivateKey({ key: jwk, format: "jwk" }),
  };
}

/** An output of a `keyScript`. */
export interface KeyCoin {
  readonly outpoint: Outpoint;
  readonly script: KeyScript;
  readonly value: bigint;
}

/** Spends coins; signed, version 2, final. */
export function spend(
  coins: readonly KeyCoin[],
  outputs: readonly { readonly script: KeyScript; readonly value: bigint }[],
): { readonly txid: string; readonly raw: Uint8Array } {
  const inputs = coins.map(({ outpoint }) => ({ outpoint, scriptSig: NOTHING, sequence: FINAL, witness: [] }));
  const paid = outputs.map(({ script, value }) => ({ script: script.scriptPubKey, value }));
  const unsigned: RawTransaction = { version: 2, inputs, outputs: paid, locktime: 0 };
  const signed = inputs.map((input, i) => {
    const { script } = coins[i]!;
    return { ...input, witness: [signature(unsigned, coins, i), script.publicKey] };
  });
  return { txid: txidOf(unsigned), raw: serializeTransaction({ ...unsigned, inputs: signed }) };
}

const NOTHING = new Uint8Array(0);
const FINAL = 0xffff_ffff;
const SIGHASH_ALL = 1;

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const hash160 = (bytes: Uint8Array): Uint8Array => createHash("ripemd160").update(sha256(bytes)).digest();

function littleEndian(value: bigint | number, length: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes.subarray(0, length);
}

const outpointBytes = ({ txid, vout }: Outpoint): Uint8Array => concatBytes(txidBytes(txid), littleEndian(vout, 4));

/** What input `i` signs, in BIP143's order, before its double SHA-256. */
function preimage({ version, inputs, outputs, locktime }: RawTransaction, coins: readonly KeyCoin[], i: number) {
  const { outpoint, value, script } = coins[i]!;
  return concatBytes(
    littleEndian(version, 4),
    hash256(concatBytes(...inputs.map((input) => outpointBytes(input.outpoint)))),
    hash256(concatBytes(...inputs.map(({ sequence }) => littleEndian(sequence, 4)))),
    outpointBytes(outpoint),
    // OP_DUP OP_HASH160 <key hash> OP_EQUALVERIFY OP_CHECKSIG
    concatBytes(Uint8Array.of(25, 0x76, 0xa9, 20), script.scriptPubKey.subarray(2), Uint8Array.of(0x88, 0xac)),
    littleEndian(value, 8),
    littleEndian(inputs[i]!.sequence, 4),
    hash256(
      concatBytes(...outputs.flatMap((output) => [littleEndian(output.value, 8), Uint8Array.of(22), output.script])),
    ),
    littleEndian(locktime, 4),
    littleEndian(SIGHASH_ALL, 4),
  );
}

/** DER and the hash type. Signs until S is low (BIP146): OpenSSL's nonces differ each time. */
function signature(transaction: RawTransaction, coins: readonly KeyCoin[], i: number): Uint8Array {
  const once = sha256(preimage(transaction, coins, i));
  for (;;) {
    const rs = sign("sha256", once, { key: coins[i]!.script.privateKey, dsaEncoding: "ieee-p1363" });
    // Half the group's order begins with 7f ff: what begins lower is low.
    if (rs[32]! >= 0x7f) continue;
    const body = concatBytes(derInteger(rs.subarray(0, 32)), derInteger(rs.subarray(32)));
    return concatBytes(Uint8Array.of(0x30, body.length), body, Uint8Array.of(SIGHASH_ALL));
  }
}

function derInteger(bytes: Uint8Array): Uint8Array {
  const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  const padded = digits[0]! >= 0x80 ? concatBytes(Uint8Array.of(0), digits) : digits;
  return concatBytes(Uint8Array.of(2, padded.length), padded);
}
