import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@conclave/bytes";
import {
  buildPayment,
  defaultFeePolicy,
  deriveScript,
  feeRate,
  networks,
  sats,
  verifySchnorr,
  inputDigests,
  readPayment,
} from "@conclave/bitcoin";
import { portableEngine, secp256k1Group } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import { secp256k1Taproot, signProtocol, type SignConfig } from "@conclave/frost";
import { keyRecordCodec } from "@conclave/keys";
import { memoryJournal, memoryVault } from "@conclave/custody/testing";
import {
  createIdentity,
  Custody,
  proposalCodec,
  requestId,
  rosterEntry,
  type CustodyEvent,
  type SigningScheme,
} from "./index.ts";

const suite = secp256k1Taproot(secp256k1Group);
const scheme: SigningScheme = {
  scheme: "frost-secp256k1-taproot",
  protocol: signProtocol(suite) as never,
  config: ({ key, share, tweak, message, approval }): SignConfig => ({
    suite: suite.id,
    keyId: key,
    epoch: share.record.epoch,
    threshold: share.record.threshold,
    publicKey: share.record.publicKey,
    chainCode: share.record.chainCode,
    publicShares: new Map(share.record.parties.map(({ index, publicShare }) => [index, publicShare])),
    share: share.secret,
    tweak,
    message,
    approval,
  }),
  signature: (result) => result as Uint8Array,
};

test("five custodies make a key and sign a payment", () => {
  const n = 5,
    t = 4;
  const vaults = Array.from({ length: n }, () => memoryVault());
  const ids = vaults.map((v, i) => createIdentity(portableEngine, v, seededRng("id" + i)));
  const roster = { cluster: "local", version: 1, nodes: ids.map((id, i) => rosterEntry(id, "node" + (i + 1))) };
  const settings = {
    roster,
    network: "regtest" as const,
    threshold: t,
    quorum: t,
    policy: { fees: defaultFeePolicy.regtest, maxInputs: 20, minConfirmations: 0, maxLocktimeAhead: 10 },
    burialDepth: 6,
  };
  const cs = vaults.map(
    (vault, i) =>
      new Custody({
        engine: portableEngine,
        vault,
        journal: memoryJournal(),
        rng: seededRng("r" + i),
        schemes: [scheme],
        settings,
      }),
  );
  const log: string[] = [];
  const seen: CustodyEvent[][] = cs.map(() => []);
  const queue: { to: number; wire: Uint8Array }[] = [];
  const put = (i: number, events: CustodyEvent[]) => {
    for (const e of events) {
      seen[i]!.push(e);
      if (e.kind === "send") for (const to of e.to) queue.push({ to: ids.findIndex((x) => x.id === to), wire: e.wire });
      else log.push(`${i + 1} ${e.kind} ${"reason" in e ? e.reason : ""}`);
    }
  };
  const pump = () => {
    while (queue.length) {
      const { to, wire } = queue.shift()!;
      put(to, cs[to]!.receive(1, wire));
    }
  };
  cs.forEach((c, i) => put(i, c.start(1, [])));
  pump();
  assert.ok(cs.every((c) => c.status().ready));
  const circumstances = { cluster: "local", idempotencyKey: "k", origin: ids[0]!.id, height: 0, expiresHeight: 1000 };
  const kg = {
    kind: "keygen" as const,
    ...circumstances,
    scheme: "frost-secp256k1-taproot" as const,
    purpose: "wallet/regtest",
    threshold: t,
    quorum: t,
  };
  put(0, cs[0]!.propose(1, proposalCodec.encode({ request: kg, revision: null })));
  pump();
  put(0, cs[0]!.open(1, requestId(kg), 0, 0, 0));
  pump();
  const acked = seen[0]!.findLast((e) => e.kind === "acked")!;
  assert.ok(acked.kind === "acked" && acked.waitingFor.length === 0);
  const t0 = performance.now();
  put(0, cs[0]!.begin(1, acked.attemptId, []));
  pump();
  console.log("keygen", performance.now() - t0);
  assert.ok(
    cs.every((c) => c.status().keys.length === 1),
    log.join("\n"),
  );
  const { key, record } = cs[0]!.status().keys[0]!;
  const rec = keyRecordCodec(secp256k1Group).decode(record);
  const wallet = {
    network: networks.regtest,
    scriptType: "p2tr" as const,
    publicKey: secp256k1Group.encode(rec.publicKey),
    chainCode: rec.chainCode,
  };
  const coin = {
    outpoint: { txid: "aa".repeat(32), vout: 0 },
    value: sats(100_000n),
    branch: 0 as const,
    index: 0,
    height: 5,
    coinbase: false,
    spentBy: null,
  };
  const to = deriveScript(wallet, 0, 7);
  const payment = { recipient: to.address, amount: sats(50_000n), feeRate: feeRate(2_000n as never), metadata: null };
  const psbt = buildPayment(wallet, {
    inputs: [coin],
    recipient: { script: to.scriptPubKey, value: sats(50_000n) },
    metadata: null,
    change: { index: 0, value: sats(49_700n) },
    locktime: 10,
  });
  const request = { kind: "payment" as const, ...circumstances, wallet: key, payment };
  const id = requestId(request);
  put(0, cs[0]!.propose(1, proposalCodec.encode({ request, revision: { request: id, number: 1, psbt } })));
  pump();
  cs.forEach((c, i) =>
    put(
      i,
      c.vote(1, id, 1, true, {
        round: 1,
        coins: [coin],
        tipHeight: 10,
        changeIndex: { from: 0, to: 10 },
        replaces: [],
      }),
    ),
  );
  pump();
  assert.ok(
    seen.every((s) => s.some((e) => e.kind === "verdict" && e.verdict === "approved")),
    log.join("\n"),
  );
  put(0, cs[0]!.open(1, id, 1, 1, 0));
  pump();
  const a2 = seen[0]!.findLast((e) => e.kind === "acked")!;
  put(0, cs[0]!.begin(1, (a2 as { attemptId: string }).attemptId, []));
  pump();
  const signed = seen.map((s) => s.find((e) => e.kind === "signed"));
  assert.ok(signed.every(Boolean), log.slice(-40).join("\n"));
  const view = readPayment(psbt, wallet);
  void inputDigests(view);
  void verifySchnorr;
  void toHex;
});
