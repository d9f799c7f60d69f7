/** What every vault promises. Each adapter's test calls `vaultContract`; the in-memory twin passes it first. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AssertionError } from "@conclave/bytes";
import fc from "fast-check";
import { VaultError, type Vault } from "../ports.ts";

/** One empty place for a vault. `open` may be called again after `close`: that is the same vault after a restart. */
export interface VaultPlace {
  open(): Vault;
  dispose(): void;
}

/** True for a `VaultError` of this code whose message names `about`. */
export const vaultError =
  (code: VaultError["code"], about = "") =>
  (error: unknown): boolean => {
    assert(error instanceof VaultError, `expected a VaultError, got ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert(error.message.includes(about), `${error.message} should name ${about}`);
    return true;
  };

const NAMES = ["identity", "share/aa/1", "share/aa/2", "share/ab/1", "setup/aa/1/peer-2", "shared"];
const BAD_NAMES = ["", "A", "a//b", "/a", "a/", "..", "../a", "a/../b", "a.b", "a\\b", "a\0", "a b", "ä", "a/b/c/d/e"];

export function vaultContract(name: string, makePlace: () => VaultPlace, { runs = 10 }: { runs?: number } = {}): void {
  const withPlace = (test: (place: VaultPlace) => void) => () => {
    const place = makePlace();
    try {
      test(place);
    } finally {
      place.dispose();
    }
  };
  const withVault = (test: (vault: Vault) => void) =>
    withPlace((place) => {
      const vault = place.open();
      try {
        test(vault);
      } finally {
        vault.close();
      }
    });

  describe(`vault contract: ${name}`, () => {
    it(
      "gives back what was put, as copies of its own",
      withVault((vault) => {
        const secret = Uint8Array.of(1, 2, 3);
        vault.put("identity", secret);
        secret.fill(0);
        vault.get("identity").fill(9);
        assert.deepEqual([...vault.get("identity")], [1, 2, 3]);
      }),
    );

    it(
      "keeps an empty secret and one of 300 kB",
      withVault((vault) => {
        const long = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
        vault.put("empty", new Uint8Array(0));
        vault.put("long", long);
        assert.equal(vault.get("empty").length, 0);
        assert.deepEqual(vault.get("long"), long);
      }),
    );

    it(
      "says unknown for a record that is not there, and names it",
      withVault((vault) => {
        assert.throws(() => vault.get("share/aa/1"), vaultError("unknown", "share/aa/1"));
      }),
    );

    it(
      "never overwrites unless told to",
      withVault((vault) => {
        vault.put("identity", Uint8Array.of(1));
        assert.throws(() => vault.put("identity", Uint8Array.of(2)), vaultError("exists", "identity"));
        assert.throws(
          () => vault.put("identity", Uint8Array.of(2), { replace: false }),
          vaultError("exists", "identity"),
        );
        assert.deepEqual([...vault.get("identity")], [1]);
        vault.put("identity", Uint8Array.of(3), { replace: true });
        assert.deepEqual([...vault.get("identity")], [3]);
      }),
    );

    it(
      "lists names under a prefix, sorted",
      withVault((vault) => {
        for (const [i, record] of NAMES.entries()) vault.put(record, Uint8Array.of(i));
        assert.deepEqual(vault.list("share/"), ["share/aa/1", "share/aa/2", "share/ab/1"]);
        assert.deepEqual(vault.list("share/aa/"), ["share/aa/1", "share/aa/2"]);
        assert.deepEqual(vault.list(""), [...NAMES].sort());
        assert.deepEqual(vault.list("nothing/"), []);
      }),
    );

    it(
      "erases for good, and does not mind unknown names",
      withPlace((place) => {
        const vault = place.open();
        vault.put("share/aa/1", Uint8Array.of(1));
        vault.put("share/aa/2", Uint8Array.of(2));
        vault.erase("share/aa/1");
        vault.erase("share/aa/1");
        vault.erase("never-there");
        assert.throws(() => vault.get("share/aa/1"), vaultError("unknown"));
        vault.close();
        const again = place.open();
        assert.deepEqual(again.list(""), ["share/aa/2"]);
        again.put("share/aa/1", Uint8Array.of(4));
        assert.deepEqual([...again.get("share/aa/1")], [4]);
        again.close();
      }),
    );

    it(
      "refuses names that are not paths of one to four parts of a-z, 0-9 and -",
      withVault((vault) => {
        for (const bad of BAD_NAMES) {
          assert.throws(() => vault.put(bad, Uint8Array.of(1)), AssertionError, JSON.stringify(bad));
          assert.throws(() => vault.get(bad), AssertionError, JSON.stringify(bad));
          assert.throws(() => vault.erase(bad), AssertionError, JSON.stringify(bad));
        }
        assert.deepEqual(vault.list(""), []);
      }),
    );

    it(
      "refuses every call after close, and may be closed twice",
      withPlace((place) => {
        const vault = place.open();
        vault.put("identity", Uint8Array.of(1));
        vault.close();
        vault.close();
        assert.throws(() => vault.get("identity"), vaultError("unavailable"));
        assert.throws(() => vault.put("other", Uint8Array.of(1)), vaultError("unavailable"));
        assert.throws(() => vault.erase("identity"), vaultError("unavailable"));
        assert.throws(() => vault.list(""), vaultError("unavailable"));
        const again = place.open();
        assert.deepEqual([...again.get("identity")], [1]);
        again.close();
      }),
    );

    it("behaves like a map over any puts, replacements, erasures and restarts", () => {
      const record = fc.constantFrom(...NAMES.slice(0, 3));
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.tuple(fc.constant("put" as const), record, fc.uint8Array({ maxLength: 40 })) },
        { weight: 2, arbitrary: fc.tuple(fc.constant("erase" as const), record) },
        { weight: 1, arbitrary: fc.tuple(fc.constant("restart" as const)) },
      );
      fc.assert(
        fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
          withPlace((place) => {
            let vault = place.open();
            const model = new Map<string, Uint8Array>();
            for (const [action, target, secret] of steps) {
              if (action === "put") {
                vault.put(target, secret, { replace: true });
                model.set(target, secret);
              } else if (action === "erase") {
                vault.erase(target);
                model.delete(target);
              } else {
                vault.close();
                vault = place.open();
              }
            }
            assert.deepEqual(vault.list(""), [...model.keys()].sort());
            for (const [kept, secret] of model) assert.deepEqual([...vault.get(kept)], [...secret]);
            vault.close();
          })();
        }),
        { numRuns: runs },
      );
    });
  });
}
