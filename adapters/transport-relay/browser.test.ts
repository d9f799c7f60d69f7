/** The same client in a browser: a page makes a key with two parties in Node, and signs with one of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { it } from "node:test";
import { schnorr } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { fromHex, toHex, utf8 } from "@conclave/bytes";
import { nodeEngine as engine } from "@conclave/engine-node";
import type { PartyIndex } from "@conclave/protocol";
import { startRelay } from "@conclave/relay-service";
import { connectRelay, type RelayMode } from "./index.ts";
import { CHROMIUM, hasChromium, openPage } from "./testing/browser.ts";
import { machineRandom } from "./testing/cast.ts";
import type { PageRun } from "./testing/page.ts";
import { makeKey, sign, type Party } from "./testing/party.ts";

const required = process.env["REQUIRE_BROWSER"] === "1";
const missing = `${CHROMIUM} is missing: apt-get install chromium; REQUIRE_BROWSER=1 makes this a failure`;
const [ONE, TWO, PAGE] = [1, 2, 3] as const;
const MESSAGE = sha256(utf8("signed by a page"));

it(
  "a page is party 3 of a key of three, and signs",
  { skip: hasChromium() || required ? false : missing },
  async () => {
    assert(hasChromium(), missing);
    const relay = await startRelay({ listen: [{ host: "127.0.0.1", port: 0 }] });
    const { page, complaints, close } = await openPage(join(import.meta.dirname, "testing/page.ts"));
    const signers = new Map([ONE, TWO].map((self) => [self, engine.ed25519Signer(machineRandom(32))] as const));
    const call = (method: string, ...args: readonly unknown[]): Promise<string> =>
      page.evaluate(`party.${method}(${args.map((arg) => JSON.stringify(arg)).join()})`);
    const keys = new Map<number, Uint8Array>([...signers].map(([self, { publicKey }]) => [self, publicKey]));
    keys.set(PAGE, fromHex(await call("signKey")));

    /** A new run of some of the three: the page's half of the invite, and the others' own. */
    const invite = (mode: RelayMode, who: readonly number[]) => {
      const instance = machineRandom(32);
      const parties = new Map(who.map((party) => [party as PartyIndex, keys.get(party)!]));
      const forPage: PageRun = {
        urls: [relay.url],
        mode,
        self: PAGE,
        parties: who.map((party) => [party, toHex(keys.get(party)!)]),
        instance: toHex(instance),
      };
      const inNode = async <T>(self: typeof ONE | typeof TWO, act: (party: Party) => Promise<T>): Promise<T> => {
        const client = connectRelay({
          urls: [relay.url],
          mode,
          engine,
          signer: signers.get(self)!,
          rng: machineRandom,
        });
        try {
          return await act({ client, engine, rng: machineRandom, self: self as PartyIndex, parties, instance });
        } finally {
          client.close();
        }
      };
      return { forPage, inNode };
    };

    try {
      const making = invite("websocket", [ONE, TWO, PAGE]);
      const [, share, publicKey] = await Promise.all([
        making.inNode(ONE, (party) => makeKey(party, { threshold: 2 })),
        making.inNode(TWO, (party) => makeKey(party, { threshold: 2 })),
        call("makeKey", making.forPage, 2),
      ]);
      assert.equal(publicKey, toHex(engine.secp256k1.encode(share.record.publicKey)));
      for (const mode of ["websocket", "http"] as const) {
        const signing = invite(mode, [TWO, PAGE]);
        const [own, pages] = await Promise.all([
          signing.inNode(TWO, (party) => sign(party, share, MESSAGE)),
          call("sign", signing.forPage, toHex(MESSAGE)),
        ]);
        assert.equal(toHex(own), pages);
        assert(schnorr.verify(fromHex(pages), MESSAGE, fromHex(publicKey).slice(1)));
      }
      assert.deepEqual(complaints, []);
    } finally {
      await close();
      await relay.close();
    }
  },
);
