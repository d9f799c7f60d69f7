/** Parties on different engines in one session: what one sends, the other takes, for every protocol that uses the kernels. */
import { NO_TWEAK, portableEngine, type Engine } from "@conclave/crypto";
import { seededRng } from "@conclave/crypto/testing";
import {
  dkls23KeygenProtocol,
  finishConfigFromShare,
  finishProtocol,
  presignConfigFromShare,
  presignProtocol,
  signConfigFromShare,
  signProtocol,
} from "@conclave/dkls23";
import { dealKey } from "@conclave/dkls23/testing";
import { nodeEngine } from "@conclave/engine-node";
import { configFromShare, secp256k1Taproot, signProtocol as signFrost } from "@conclave/frost";
import {
  keygenProtocol,
  keyShareCodec,
  validateShare,
  type KeygenConfig,
  type KeyShare,
  type Valid,
} from "@conclave/keys";
import { dealShares } from "@conclave/keys/testing";
import { Session, ssidFromAcks, type Effect, type Message, type PartyIndex, type Protocol } from "@conclave/protocol";
import { parties } from "@conclave/protocol/testing";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { withKernels } from "./index.ts";

const kernels = withKernels(nodeEngine);
const [one, two] = parties(1, 2) as [PartyIndex, PartyIndex];
const committee = [one, two];
/** Party 1 on the kernels, party 2 in plain TypeScript. */
const engines: ReadonlyMap<PartyIndex, Engine> = new Map([
  [one, kernels],
  [two, portableEngine],
]);
const NAME = new Uint8Array(32).fill(3);
const MESSAGE = new Uint8Array(32).fill(4);

/** One session in which every party runs its own engine's protocol. */
function run<Config, Result>(
  protocolOf: (engine: Engine) => Protocol<Config, Result>,
  configs: ReadonlyMap<PartyIndex, Config>,
  seed: string,
): ReadonlyMap<PartyIndex, Result> {
  const ssid = ssidFromAcks("ssid/session", { seed }, [NAME, MESSAGE]);
  const results = new Map<PartyIndex, Result>();
  const queue: { to: PartyIndex; message: Message }[] = [];
  const sessions = new Map(
    committee.map((self) => {
      const context = { ssid, self, committee };
      return [
        self,
        new Session({ protocol: protocolOf(engines.get(self)!), context, rng: seededRng(`${seed}/${self}`) }),
      ];
    }),
  );
  const carryOut = (from: PartyIndex, effects: readonly Effect<Result>[]): void => {
    for (const effect of effects) {
      if (effect.kind === "abort") assert.fail(effect.reason);
      if (effect.kind === "done") results.set(from, effect.result);
      if (effect.kind === "commit") carryOut(from, sessions.get(from)!.committed(effect.id));
      if (effect.kind !== "send") continue;
      for (const to of effect.receivers)
        queue.push({ to, message: { ...effect.message, from, body: effect.message.body.slice() } });
    }
  };
  for (const [self, session] of sessions) carryOut(self, session.start(configs.get(self)!));
  for (const { to, message } of queue) carryOut(to, sessions.get(to)!.handle(message));
  assert.equal(results.size, committee.length);
  return results;
}

/** The same share with points of another engine. */
const shareFor = (engine: Engine, share: KeyShare, from: Engine): Valid<KeyShare> => {
  const codec = keyShareCodec(engine.secp256k1);
  return validateShare(engine.secp256k1, codec.decode(keyShareCodec(from.secp256k1).encode(share)));
};

const configsBy = <Config>(make: (self: PartyIndex, engine: Engine) => Config): ReadonlyMap<PartyIndex, Config> =>
  new Map(committee.map((self) => [self, make(self, engines.get(self)!)]));

const keygenConfig = (scheme: KeygenConfig["scheme"]): KeygenConfig => ({
  scheme,
  purpose: "messages",
  threshold: 2,
  quorum: 2,
  nodes: new Map(committee.map((party) => [party, new Uint8Array(32).fill(party)])),
});

/** Both hold shares of one key; its bytes. */
function publicKeyOf(shares: ReadonlyMap<PartyIndex, KeyShare>): Uint8Array {
  const keys = [...shares].map(([party, { record }]) => engines.get(party)!.secp256k1.encode(record.publicKey));
  assert.deepEqual(keys[0], keys[1]);
  return keys[0]!;
}

const assertEcdsa = (signatures: ReadonlyMap<PartyIndex, Uint8Array>, publicKey: Uint8Array): void => {
  for (const signature of signatures.values())
    assert.ok(secp256k1.verify(signature.subarray(0, 64), MESSAGE, publicKey, { prehash: false }));
};

describe("kernels and plain TypeScript in one session", () => {
  test("generate a key", () => {
    const config = keygenConfig("frost-secp256k1-taproot");
    const taproot = { ...config, purpose: "wallet/regtest" as const };
    publicKeyOf(
      run(
        (engine) => keygenProtocol(engine.secp256k1),
        configsBy(() => taproot),
        "keygen",
      ),
    );
  });

  test("sign with FROST for Taproot", () => {
    const dealt = dealShares(portableEngine.secp256k1, { n: 2, t: 2, rng: seededRng("frost") });
    const suiteOf = ({ secp256k1: group }: Engine) => secp256k1Taproot(group);
    const configs = configsBy((self, engine) =>
      configFromShare(suiteOf(engine), {
        key: NAME,
        approval: NAME,
        message: MESSAGE,
        tweak: NO_TWEAK,
        share: shareFor(engine, dealt[self - 1]!, portableEngine),
      }),
    );
    const signatures = run((engine) => signFrost(suiteOf(engine)), configs, "frost");
    const key = portableEngine.secp256k1.encode(dealt[0]!.record.publicKey).subarray(1);
    for (const signature of signatures.values()) assert.ok(schnorr.verify(signature, MESSAGE, key));
  });

  test("make a DKLS23 key with its edges, sign with it at once, and from a presignature", () => {
    const made = run(
      (engine) => dkls23KeygenProtocol(engine),
      configsBy(() => keygenConfig("dkls23-secp256k1")),
      "key",
    );
    const publicKey = publicKeyOf(new Map([...made].map(([party, { share }]) => [party, share])));
    const order = (self: PartyIndex, engine: Engine) => {
      const { share, edges } = made.get(self)!;
      return { key: NAME, approval: NAME, tweak: NO_TWEAK, share: validateShare(engine.secp256k1, share), edges };
    };
    const orders = configsBy((self, engine) => ({ ...order(self, engine), message: MESSAGE }));
    assertEcdsa(
      run(
        signProtocol,
        configsBy((self) => signConfigFromShare(orders.get(self)!)),
        "sign",
      ),
      publicKey,
    );
    const presigned = run(
      presignProtocol,
      configsBy((self) => presignConfigFromShare(orders.get(self)!)),
      "presign",
    );
    const finishing = configsBy((self) => finishConfigFromShare(orders.get(self)!, presigned.get(self)!));
    assertEcdsa(run(finishProtocol, finishing, "finish"), publicKey);
  });

  test("end with the same bytes whichever of the two runs them", () => {
    const { shares, edges } = dealKey({ n: 2, t: 2, rng: seededRng("same") });
    const dealer = process.env["CONCLAVE_NO_WASM"] === "1" ? portableEngine : kernels;
    const signedOn = (engine: Engine): Uint8Array => {
      const configs = new Map(
        committee.map((self) => [
          self,
          signConfigFromShare({
            key: NAME,
            approval: NAME,
            tweak: NO_TWEAK,
            message: MESSAGE,
            share: shareFor(engine, shares.get(self)!, dealer),
            edges: edges.get(self)!,
          }),
        ]),
      );
      return run(() => signProtocol(engine), configs, "same").get(one)!;
    };
    assert.deepEqual(signedOn(kernels), signedOn(portableEngine));
  });
});
