/** The proof of the pinned keys, over streams in memory. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import { Duplex, duplexPair } from "node:stream";
import { spkiOf } from "./certs/x509.ts";
import { proveAsDialler, proveAsListener, type Party } from "./proof.ts";
import { Refused } from "./refusal.ts";
import { Session } from "./session.ts";
import { systemClock } from "./testing/cluster.ts";

interface Holder {
  readonly party: Party;
  readonly key: KeyObject;
}

function holder(name: string): Holder {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { party: { name, tlsKey: spkiOf(publicKey) }, key: privateKey };
}

const session = (stream: Duplex): Session =>
  new Session({ stream, address: "here", certificate: null, clock: systemClock, hangUp: () => stream.destroy() });

const [ann, bob, eve] = [holder("ann"), holder("bob"), holder("eve")];

/** Ann dials Bob, with the keys that they really hold. */
function meeting(keys: { readonly dialler?: KeyObject; readonly listener?: KeyObject } = {}) {
  const [near, far] = duplexPair();
  const said: Buffer[] = [];
  const write = near.write.bind(near);
  near.write = ((bytes: Buffer) => {
    said.push(Buffer.from(bytes));
    return write(bytes);
  }) as typeof near.write;
  const [dialler, listener] = [session(near), session(far)];
  return {
    said,
    dialler,
    listener,
    far,
    dialled: proveAsDialler(dialler, { self: ann.party, peer: bob.party }, keys.dialler ?? ann.key),
    answered: proveAsListener(listener, { self: bob.party, peer: ann.party }, keys.listener ?? bob.key),
  };
}

const unproven = (name: string) => (error: unknown) =>
  error instanceof Refused && error.code === "unproven" && error.message.includes(`pins for "${name}"`);

describe("the proof of the pinned keys", () => {
  it("convinces both ends, and leaves what comes after it to whoever attaches", async () => {
    const { dialler, listener, dialled, answered } = meeting();
    await dialled;
    dialler.write(Buffer.from("first frame"));
    await answered;
    const received = await new Promise<string>((resolve) => {
      listener.attach({
        received: (bytes) => resolve(Buffer.from(bytes).toString()),
        drained: () => {},
        closed: () => {},
      });
    });
    assert.equal(received, "first frame");
  });

  it("refuses a listener that does not hold the pinned key", async () => {
    const { dialler, dialled, answered } = meeting({ listener: eve.key });
    await assert.rejects(dialled, unproven("bob"));
    dialler.destroy();
    await assert.rejects(answered);
  });

  it("refuses a dialler that does not hold the pinned key", async () => {
    const { dialled, answered } = meeting({ dialler: eve.key });
    await dialled;
    await assert.rejects(answered, unproven("ann"));
  });

  it("refuses a dialler that says again what was said before", async () => {
    const { said, dialled, answered } = meeting();
    await Promise.all([dialled, answered]);
    const [near, far] = duplexPair();
    near.resume();
    const repeated = proveAsListener(session(far), { self: bob.party, peer: ann.party }, bob.key);
    for (const bytes of said) near.write(bytes);
    await assert.rejects(repeated, unproven("ann"));
  });

  it("refuses a listener that answers with what the dialler itself would sign", async () => {
    // Eve sits between Ann, who dials her, and Ann again, whom she makes listen: roles are signed, so nothing fits.
    const [toAnn, fromAnn] = duplexPair();
    const [toAnnAgain, annAgain] = duplexPair();
    const dialled = proveAsDialler(session(fromAnn), { self: ann.party, peer: bob.party }, ann.key);
    const answered = proveAsListener(session(annAgain), { self: ann.party, peer: bob.party }, ann.key);
    toAnn.pipe(toAnnAgain).pipe(toAnn);
    await assert.rejects(dialled, unproven("bob"));
    toAnnAgain.destroy();
    annAgain.destroy();
    await assert.rejects(answered);
  });

  it("ends with the connection, at whichever message that comes", async () => {
    const { far, dialled, answered } = meeting();
    far.destroy();
    await assert.rejects(dialled, /closed/);
    await assert.rejects(answered, /closed/);
  });
});
