import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { sha256 } from "@noble/hashes/sha2.js";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { transcript, utf8 } from "@conclave/bytes";
import { NO_TWEAK } from "@conclave/crypto";
import { dkls23Scheme } from "@conclave/dkls23";
import { withKernels } from "@conclave/engine-wasm";
import { nodeEngine } from "@conclave/engine-node";
import { keyId, validateShare } from "@conclave/keys";
import type { PartyIndex } from "@conclave/protocol";
import { parties as partyNumbers, sumConfigs, sumProtocol } from "@conclave/protocol/testing";
import { startRelay, type Relay } from "@conclave/relay-service";
import { Aborted, abortRun, connectRelay, RunFailed, runSession, Stalled, type RelayMode } from "../index.ts";
import { machineRandom } from "../testing/cast.ts";
import { makeKey, sign, type Party } from "../testing/party.ts";
import { relayProcess } from "../testing/relay-process.ts";

const engine = withKernels(nodeEngine);
const closing: (() => void | Promise<void>)[] = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

async function relayFor(): Promise<Relay> {
  const relay = await startRelay({ listen: [{ host: "127.0.0.1", port: 0 }] });
  closing.push(() => relay.close());
  return relay;
}

/** Parties 1 to n, each with a client of its own. */
function cast(n: number, urls: readonly string[], mode: RelayMode = "websocket"): readonly Party[] {
  const committee = partyNumbers(...Array.from({ length: n }, (_, i) => i + 1));
  const signers = committee.map(() => engine.ed25519Signer(machineRandom(32)));
  const parties = new Map(committee.map((party, at) => [party, signers[at]!.publicKey]));
  const instance = machineRandom(32);
  return committee.map((self, at) => {
    const client = connectRelay({ urls, mode, engine, signer: signers[at]!, rng: machineRandom });
    closing.push(() => client.close());
    return { client, engine, rng: machineRandom, self, parties, instance };
  });
}

/** The same people in another run, or some of them. */
function again(cast: readonly Party[], who: readonly number[] = cast.map(({ self }) => self)): readonly Party[] {
  const instance = machineRandom(32);
  const some = cast.filter(({ self }) => who.includes(self));
  const parties = new Map(some.map(({ self, parties }) => [self, parties.get(self)!]));
  return some.map((party) => ({ ...party, parties, instance }));
}

const MESSAGE = sha256(utf8("one coin to Alice"));
const COMMIT = async (): Promise<void> => {};

/** What a run of the sum needs. */
const sumOf = (party: Party) => ({
  ...party,
  protocol: sumProtocol,
  config: sumConfigs([...party.parties.keys()]).get(party.self)!,
  purpose: "ssid/session" as const,
  agreed: {},
  commit: COMMIT,
});

/** Why each run failed; null for one that did not. */
const reasonsOf = (ends: readonly PromiseSettledResult<unknown>[]): readonly unknown[] =>
  ends.map((end) => (end.status === "rejected" ? (end.reason as unknown) : null));

describe("a run over relays", () => {
  for (const mode of ["websocket", "http"] as const) {
    it(`makes a key of three and signs with two of them (${mode})`, async () => {
      const { url } = await relayFor();
      const three = cast(3, [url], mode);
      const shares = await Promise.all(three.map((party) => makeKey(party, { threshold: 2 })));
      const two = again(three, [1, 3]);
      const signatures = await Promise.all(two.map((party) => sign(party, shares[party.self - 1]!, MESSAGE)));
      const key = engine.secp256k1.encode(shares[0]!.record.publicKey).slice(1);
      for (const signature of signatures) assert(schnorr.verify(signature, MESSAGE, key));
    });
  }

  it("carries pairwise setups: DKLS23, two of two", async () => {
    const { url } = await relayFor();
    const two = cast(2, [url]);
    const scheme = dkls23Scheme(engine);
    const made = await Promise.all(
      two.map(async (party) => {
        const config = {
          scheme: scheme.scheme,
          purpose: "messages" as const,
          threshold: 2,
          quorum: 2,
          nodes: party.parties,
        };
        const options = { purpose: "ssid/keygen" as const, agreed: {}, commit: COMMIT };
        return scheme.made(await runSession({ ...party, ...options, protocol: scheme.keygen, config }));
      }),
    );
    const signatures = await Promise.all(
      again(two).map(async (party) => {
        const { share, edges } = made[party.self - 1]!;
        const config = scheme.config({
          key: keyId(engine.secp256k1, share.record),
          share: validateShare(engine.secp256k1, share),
          tweak: NO_TWEAK,
          message: MESSAGE,
          approval: transcript("testing/relay/ecdsa", {}),
          edges: new Map([...edges].map(([peer, edge]) => [peer, scheme.edges.open(edge).edge])),
        });
        const options = { purpose: "ssid/session" as const, agreed: {}, commit: COMMIT };
        return runSession({ ...party, ...options, protocol: scheme.protocol, config });
      }),
    );
    const key = secp256k1.Point.fromBytes(engine.secp256k1.encode(made[0]!.share.record.publicKey)).toBytes();
    // r ‖ s ‖ recovery id.
    for (const signature of signatures)
      assert(secp256k1.verify(signature.slice(0, 64), MESSAGE, key, { prehash: false, lowS: true }));
  });

  it("goes on when one of two relays dies and the other restarts", async () => {
    const [first, second] = [await relayFor(), await relayFor()];
    const three = cast(3, [first.url, second.url]);
    const making = Promise.all(three.map((party) => makeKey(party, { threshold: 2 })));
    await first.close();
    await second.close();
    const back = await startRelay({ listen: [{ host: "127.0.0.1", port: second.port }] });
    closing.push(() => back.close());
    const shares = await making;
    assert.equal(new Set(shares.map(({ record }) => engine.secp256k1.encode(record.publicKey).join())).size, 1);
  });

  it("goes on when the only relay is killed in the middle, and comes back knowing nothing", async () => {
    const relay = await relayProcess();
    closing.push(() => relay.kill());
    const three = cast(3, [relay.url]);
    let commits = 0;
    // In the last round of the sum but one, each party has something to make durable: there the relay dies.
    const commit = async (): Promise<void> => {
      commits += 1;
      if (commits > 1) return;
      await relay.kill();
      const back = await relayProcess(relay.port);
      closing.push(() => back.kill());
    };
    const sums = three.map((party) => runSession({ ...sumOf(party), commit }));
    for (const { total } of await Promise.all(sums)) assert.equal(total, 60);
    assert.equal(commits, 3);
  });

  it("ends for everybody when one party calls it off, naming it and its code", async () => {
    const { url } = await relayFor();
    const [one, two, three] = cast(3, [url]) as [Party, Party, Party];
    const ends = Promise.allSettled([one, two].map((party) => runSession(sumOf(party))));
    await abortRun(three.client, three.instance, { code: "second thoughts", ttlSeconds: 60 });
    for (const reason of reasonsOf(await ends)) {
      assert(reason instanceof Aborted);
      assert.deepEqual([reason.party, reason.code], ["party 3", "second thoughts"]);
    }
  });

  it("names who is missing when nothing comes any more, and tells the others", async () => {
    const { url } = await relayFor();
    const [one, two] = cast(3, [url]) as [Party, Party];
    const ends = await Promise.allSettled([runSession({ ...sumOf(one), stallMs: 300 }), runSession(sumOf(two))]);
    const [stalled, told] = reasonsOf(ends);
    assert(stalled instanceof Stalled);
    assert.deepEqual(stalled.outstanding, ["party 3"]);
    assert(told instanceof Aborted);
    assert.deepEqual([told.party, told.code], ["party 1", "stalled"]);
  });

  it("ends with the protocol's own verdict, and tells the others", async () => {
    const { url } = await relayFor();
    const [one, two] = cast(2, [url]) as [Party, Party];
    const other = { ...sumOf(two).config, pairKeys: new Map([[1 as PartyIndex, machineRandom(32)]]) };
    const runs = [runSession(sumOf(one)), runSession({ ...sumOf(two), config: other })];
    const reasons = reasonsOf(await Promise.allSettled(runs));
    assert(reasons.some((reason) => reason instanceof RunFailed));
    assert(reasons.every((reason) => reason instanceof RunFailed || reason instanceof Aborted));
  });

  it("is cancelled by its signal", async () => {
    const { url } = await relayFor();
    const [one] = cast(2, [url]) as [Party];
    const why = new Error("the user went home");
    const cancel = new AbortController();
    const run = runSession({ ...sumOf(one), signal: cancel.signal });
    cancel.abort(why);
    await assert.rejects(run, why);
  });
});
