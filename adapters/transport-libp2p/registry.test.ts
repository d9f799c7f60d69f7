import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { peerIdFromString } from "@libp2p/peer-id";
import type { NodeId } from "@conclave/consensus";
import { publicKeyOf } from "./ed25519.ts";
import { ANNOUNCEMENT_LIFE_MS } from "./limits.ts";
import { peerIdOf } from "./peer-id.ts";
import { PeerRegistry, RegistryRefused, type Announcer, type Sought } from "./registry.ts";
import { Cluster, NODES, peersOf, rosterHash, seedOf } from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const [ONE, TWO] = NODES;
const nobody = { frame: () => {}, link: () => {} };
const ADDRESSES = ["/ip4/127.0.0.1/tcp/4001", "/ip4/127.0.0.1/tcp/4002/ws"];

const announcer = (node: NodeId, changed: Partial<Announcer> = {}): Announcer => ({
  node,
  seed: seedOf(node),
  rosterHash,
  addresses: ADDRESSES,
  ...changed,
});
const sought = (node: NodeId): Sought => ({ node, peerKey: publicKeyOf(seedOf(node)), rosterHash });

/** A registry in a folder of its own, read by one process and written by another; time is what `place.nowMs` says. */
class Place {
  readonly parent = mkdtempSync(join(tmpdir(), "libp2p-registry-"));
  readonly folder = join(this.parent, "peers");
  nowMs = 1_000_000;
  readonly #clock = { nowMs: (): number => this.nowMs, schedule: () => ({ cancel: () => {} }) };
  readonly writer = this.process();
  readonly reader = this.process();

  process(): PeerRegistry {
    return new PeerRegistry({ folder: this.folder, clock: this.#clock });
  }

  fileOf(node: NodeId): string {
    return join(this.folder, `${node}.json`);
  }

  edit(node: NodeId, change: (text: string) => string): void {
    writeFileSync(this.fileOf(node), change(readFileSync(this.fileOf(node), "utf8")));
  }
}

const withPlace = (test: (place: Place) => Promise<void>) => async (): Promise<void> => {
  const place = new Place();
  try {
    await test(place);
  } finally {
    rmSync(place.parent, { recursive: true, force: true });
  }
};

const refused =
  (...parts: readonly string[]) =>
  (error: unknown): boolean => {
    assert(error instanceof RegistryRefused, String(error));
    for (const part of parts) assert(error.message.includes(part), error.message);
    return true;
  };

describe("a registry", () => {
  it(
    "says where a node said it is, in files that are its account's alone",
    withPlace(async ({ writer, reader, folder }) => {
      await writer.announce(announcer(ONE));
      assert.deepEqual(await reader.find(sought(ONE)), ADDRESSES);
      assert.equal(statSync(join(folder, `${ONE}.json`)).mode & 0o777, 0o600);
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      const { peerId, node } = JSON.parse(readFileSync(join(folder, `${ONE}.json`), "utf8")) as Record<string, unknown>;
      assert.deepEqual([peerId, node], [peerIdOf(publicKeyOf(seedOf(ONE))), ONE]);
    }),
  );

  it(
    "knows nothing of a node that never came, of one that left, and before anybody came",
    withPlace(async ({ writer, reader }) => {
      assert.deepEqual(await reader.find(sought(ONE)), []);
      await writer.announce(announcer(ONE));
      assert.deepEqual(await reader.find(sought(TWO)), []);
      await writer.announce(announcer(ONE, { addresses: [] }));
      assert.deepEqual(await reader.find(sought(ONE)), []);
    }),
  );

  it(
    "forgets what was not said again",
    withPlace(async (place) => {
      await place.writer.announce(announcer(ONE));
      place.nowMs += ANNOUNCEMENT_LIFE_MS - 1;
      assert.deepEqual(await place.reader.find(sought(ONE)), ADDRESSES);
      place.nowMs += 1;
      assert.deepEqual(await place.reader.find(sought(ONE)), []);
    }),
  );

  it(
    "keeps everybody's entry, however many write at once, and leaves nothing else behind",
    withPlace(async (place) => {
      await Promise.all(
        NODES.flatMap((node) =>
          Array.from({ length: 20 }, (_, n) =>
            place.process().announce(announcer(node, { addresses: [`/ip4/127.0.0.1/tcp/${4_000 + n}`] })),
          ),
        ),
      );
      for (const node of NODES) assert.equal((await place.reader.find(sought(node))).length, 1);
      assert.deepEqual(
        readdirSync(place.folder).toSorted(),
        NODES.map((node) => `${node}.json`),
      );
    }),
  );

  it(
    "goes on counting after a restart with the clock set back",
    withPlace(async (place) => {
      await place.writer.announce(announcer(ONE));
      await place.reader.find(sought(ONE));
      place.nowMs -= 1_000;
      await place.process().announce(announcer(ONE, { addresses: [] }));
      assert.deepEqual(await place.reader.find(sought(ONE)), []);
    }),
  );
});

describe("an entry is not believed", () => {
  /** What somebody does to node one's entry, and what the reader says of it. */
  const TAMPERED: readonly [string, (place: Place) => unknown, string][] = [
    [
      "with one bit flipped in an address",
      (place) => place.edit(ONE, (text) => text.replace("4001", "4000")),
      "is not signed by this node",
    ],
    ["with one bit flipped in its signature", (place) => place.edit(ONE, flipSignature), "is not signed by this node"],
    [
      "with a later expiry",
      (place) => place.edit(ONE, (text) => text.replace(/"expiresMs": \d+/, '"expiresMs": 1060001')),
      "is not signed",
    ],
    [
      "when it is another node's, under this one's name",
      (place) => renameSync(place.fileOf(TWO), place.fileOf(ONE)),
      "is of another node",
    ],
    ["when it is no JSON", (place) => place.edit(ONE, () => "{"), "is no announcement"],
    ["when it is nothing", (place) => place.edit(ONE, () => "null"), "is no announcement"],
    ["with a field more", (place) => place.edit(ONE, (text) => text.replace("{", '{ "x": 1,')), "is no announcement"],
    [
      "with a field of another type",
      (place) => place.edit(ONE, (text) => text.replace(/"sequence": \d+/, '"sequence": "1"')),
      "is no announcement",
    ],
    ["when it is longer than any", (place) => place.edit(ONE, (text) => text + " ".repeat(10_000)), "is too long"],
    ["when others can read or write it", (place) => chmodSync(place.fileOf(ONE), 0o644), "chmod 600"],
    [
      "when it is a link",
      (place) => (
        renameSync(place.fileOf(ONE), `${place.parent}/x`),
        symlinkSync(`${place.parent}/x`, place.fileOf(ONE))
      ),
      "is a link, and not followed",
    ],
    ["when it is a folder", (place) => (rmSync(place.fileOf(ONE)), mkdirSync(place.fileOf(ONE))), "is no file"],
    ["when others can write to the folder", (place) => chmodSync(place.folder, 0o770), "chmod 700"],
    [
      "when the folder is a link",
      (place) => (renameSync(place.folder, `${place.parent}/x`), symlinkSync(`${place.parent}/x`, place.folder)),
      "is no folder",
    ],
  ];
  for (const [what, tamper, says] of TAMPERED) {
    it(
      what,
      withPlace(async (place) => {
        await place.writer.announce(announcer(ONE));
        await place.writer.announce(announcer(TWO));
        tamper(place);
        await assert.rejects(place.reader.find(sought(ONE)), refused(says, place.folder));
      }),
    );
  }

  it(
    "for another roster, or of another identity",
    withPlace(async ({ writer, reader }) => {
      await writer.announce(announcer(ONE, { rosterHash: new Uint8Array(32) }));
      await assert.rejects(reader.find(sought(ONE)), refused("is not signed by this node for this roster"));
      await writer.announce(announcer(ONE, { seed: seedOf(TWO) }));
      await assert.rejects(reader.find(sought(ONE)), refused("is of another node than its name says"));
    }),
  );

  it(
    "when an older one was put back",
    withPlace(async (place) => {
      await place.writer.announce(announcer(ONE));
      const old = readFileSync(place.fileOf(ONE), "utf8");
      place.nowMs += 1;
      await place.writer.announce(announcer(ONE));
      await place.reader.find(sought(ONE));
      place.edit(ONE, () => old);
      await assert.rejects(place.reader.find(sought(ONE)), refused("is older than what this node announced before"));
    }),
  );

  it(
    "when it claims to be valid for longer than announcements are",
    withPlace(async (place) => {
      place.nowMs += 60_000;
      await place.writer.announce(announcer(ONE));
      place.nowMs -= 60_000;
      await assert.rejects(place.reader.find(sought(ONE)), refused("valid for longer", "set the clocks"));
    }),
  );

  it(
    "nor written where others can write",
    withPlace(async (place) => {
      mkdirSync(place.folder);
      chmodSync(place.folder, 0o777);
      await assert.rejects(place.writer.announce(announcer(ONE)), refused(`chmod 700 "${place.folder}"`));
      assert.deepEqual(readdirSync(place.folder), []);
    }),
  );
});

/** The last digit of the signature, changed by one bit. */
const flipSignature = (text: string): string =>
  text.replace(
    /(?<before>"signature": "[0-9a-f]*)(?<last>[0-9a-f])"/,
    (_, before: string, last: string) => `${before}${(Number.parseInt(last, 16) ^ 1).toString(16)}"`,
  );

describe("a node whose registry holds something strange", () => {
  it("tells why, once, and reaches its peer at the roster's address", async () => {
    const cluster = new Cluster("tcp");
    try {
      const two = await cluster.join(TWO);
      await two.start(nobody);
      const file = join(cluster.folder, "peers", `${TWO}.json`);
      chmodSync(file, 0o644);
      const addresses = two.addresses();
      const one = await cluster.join(ONE, { peers: peersOf([ONE, TWO], () => addresses) });
      await one.start(nobody);
      await eventually("the link is up", () => one.isUp(TWO));
      const told = cluster.events.filter((event) => event.kind === "registry" && event.at === ONE);
      assert.equal(told.length, 1);
      assert(told[0]!.kind === "registry" && told[0]!.reason.includes("chmod 600"));
    } finally {
      await cluster.dispose();
    }
  });
});

describe("a peer id", () => {
  it("is what libp2p calls the key", () => {
    for (const node of NODES) {
      const key = publicKeyOf(seedOf(node));
      assert.deepEqual(peerIdFromString(peerIdOf(key)).publicKey?.raw, key);
    }
    assert.throws(() => peerIdOf(new Uint8Array(33)), RangeError);
  });
});
