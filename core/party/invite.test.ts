import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rawCbor, type Cbor } from "@conclave/bytes";
import type { PartyIndex } from "@conclave/protocol";
import { partyRng } from "@conclave/protocol/testing";
import {
  checkInvited,
  makeInvite,
  openIdentity,
  parseCard,
  parseInvite,
  printCard,
  printInvite,
  tell,
  TokenError,
  type Invite,
  type PartyIdentity,
} from "./index.ts";
import { engine } from "./testing/engine.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import { World } from "./testing/world.ts";
import { printToken } from "./token.ts";

const identity = (party: number, seed = "invite"): PartyIdentity =>
  openIdentity(engine, new MemoryStore(), party as PartyIndex, partyRng(seed, party as PartyIndex));

const GROUP = [1, 2, 3].map((party) => identity(party));
const CARDS = GROUP.map(({ encodedCard }) => encodedCard);
const TERMS = {
  relays: ["http://127.0.0.1:8080", "https://relay.example.org/path"],
  session: new Uint8Array(32).fill(8),
  name: "savings",
  scheme: "frost-secp256k1",
  threshold: 2,
} as const;
const INVITE = makeInvite(engine, TERMS, CARDS);

const refused = (words: RegExp) => (error: unknown) => error instanceof TokenError && words.test(error.message);

/** A well-formed token with one field of the invite or card changed. */
const changed = (kind: "card" | "invite", encoded: Uint8Array, field: number, value: (old: Cbor) => Cbor): string => {
  const fields = [...(rawCbor.decode(encoded) as Cbor[])];
  fields[field] = value(fields[field]!);
  return printToken(kind, rawCbor.encode(fields));
};

const flipped = (old: Cbor): Cbor => {
  const bytes = (old as Uint8Array).slice();
  bytes[3]! ^= 1;
  return bytes;
};

describe("a card", () => {
  test("is one word that comes back as it was", () => {
    for (const party of GROUP) {
      assert.match(printCard(party), /^card_[1-9A-HJ-NP-Za-km-z]{200,300}$/);
      assert.deepEqual(parseCard(engine, `  ${printCard(party)}\n`), party.encodedCard);
    }
  });

  test("stays the same, and is one party's only", () => {
    const store = new MemoryStore();
    const first = openIdentity(engine, store, 2 as PartyIndex, partyRng("same", 2 as PartyIndex));
    const again = openIdentity(engine, store, 2 as PartyIndex, partyRng("other", 2 as PartyIndex));
    assert.deepEqual(again.encodedCard, first.encodedCard);
    assert.throws(
      () => openIdentity(engine, store, 3 as PartyIndex, partyRng("other", 3 as PartyIndex)),
      /data of party 2, not of party 3/,
    );
  });

  test("with a letter wrong, cut off, or of another kind is refused", () => {
    const token = printCard(GROUP[0]!);
    const letter = token[40] === "a" ? "b" : "a";
    for (const wrong of [token.slice(0, -1), `${token}x`, token.slice(0, 40) + letter + token.slice(41), "card_"])
      assert.throws(() => parseCard(engine, wrong), refused(/copied whole|a letter of it is wrong/), wrong);
    assert.throws(() => parseCard(engine, "card_0OIl"), refused(/holds a character that none has/));
    assert.throws(() => parseCard(engine, printInvite(INVITE)), refused(/a card begins with "card_"/));
    assert.throws(() => parseCard(engine, `card_${"1".repeat(20_000)}`), refused(/not that long/));
    assert.throws(
      () => parseCard(engine, printToken("card", Uint8Array.of(1, 2))),
      refused(/not one of this version's/),
    );
  });

  // version, party, node, relaySignKey, relaySealKey, signature
  for (const [field, name, words] of [
    [1, "party", /not signed by its own key/],
    [2, "envelope key", /not signed by its own key|a key that is none/],
    [3, "relay signing key", /not signed by its own key/],
    [4, "relay sealing key", /not signed by its own key/],
    [5, "signature", /not signed by its own key/],
  ] as const) {
    test(`with another ${name} is refused, though its letters are right`, () => {
      const value = field === 1 ? () => 5 : flipped;
      assert.throws(() => parseCard(engine, changed("card", CARDS[0]!, field, value)), refused(words));
    });
  }

  test("of another version, or of a party that cannot be, is refused", () => {
    assert.throws(
      () =>
        parseCard(
          engine,
          changed("card", CARDS[0]!, 0, () => 2),
        ),
      refused(/this version's/),
    );
    for (const party of [0, 17])
      assert.throws(
        () =>
          parseCard(
            engine,
            changed("card", CARDS[0]!, 1, () => party),
          ),
        refused(/this version's/),
      );
  });
});

describe("an invite", () => {
  test("is one word that comes back as it was, whatever the order of the cards", () => {
    const parsed = parseInvite(engine, printInvite(INVITE));
    assert.deepEqual(parsed, INVITE);
    assert.deepEqual(makeInvite(engine, TERMS, CARDS.toReversed()).hash, INVITE.hash);
    assert.deepEqual(
      parsed.cards.map(({ party }) => party),
      [1, 2, 3],
    );
  });

  test("of cards that make no group is not made", () => {
    const make =
      (cards: readonly Uint8Array[], threshold = 2) =>
      () =>
        makeInvite(engine, { ...TERMS, threshold }, cards);
    assert.throws(make(CARDS.slice(0, 1)), refused(/2 to 16 parties, and these are 1 cards/));
    assert.throws(make(Array.from({ length: 17 }, () => CARDS[0]!)), refused(/2 to 16 parties, and these are 17/));
    assert.throws(make(CARDS, 1), refused(/threshold for 3 parties is 2 to 3, not 1/));
    assert.throws(make(CARDS, 4), refused(/threshold for 3 parties is 2 to 3, not 4/));
    assert.throws(make([CARDS[0]!, identity(1, "other").encodedCard]), refused(/two cards are of party 1/));
    assert.throws(make([CARDS[0]!, CARDS[2]!]), refused(/numbered 1 to 2 in order, and these are 1, 3/));
  });

  test("names nobody twice", () => {
    // One holder of keys, who calls itself party 1 and party 2.
    const store = new MemoryStore();
    const one = openIdentity(engine, store, 1 as PartyIndex, partyRng("twice", 1 as PartyIndex));
    const two = openIdentity(engine, new MemoryStore(), 2 as PartyIndex, partyRng("twice", 1 as PartyIndex));
    assert.throws(() => makeInvite(engine, TERMS, [one.encodedCard, two.encodedCard]), refused(/share a key/));
  });

  test("is for those whose cards are in it", () => {
    for (const { card } of GROUP) checkInvited(INVITE, card);
    assert.throws(
      () => checkInvited(INVITE, identity(2, "other").card),
      refused(/party 2 of the invite is somebody else/),
    );
    assert.throws(() => checkInvited(INVITE, identity(4).card), refused(/for parties 1 to 3, and this is party 4/));
  });

  // version, relays, session, name, scheme, threshold, cards
  const CHANGES: readonly (readonly [field: number, name: string, value: (old: Cbor) => Cbor])[] = [
    [1, "relays", () => ["http://127.0.0.1:8081"]],
    [2, "session", flipped],
    [3, "name", () => "spendings"],
    [4, "scheme", () => "frost-ed25519"],
    [5, "threshold", () => 3],
    [6, "cards", (old) => [...(old as Cbor[]).slice(0, 2), identity(3, "intruder").encodedCard]],
  ];
  for (const [field, name, value] of CHANGES) {
    test(`with other ${name} at one party is another invite: nobody meets, no key is made`, async () => {
      const world = new World({ seed: `tampered ${name}`, scheme: "frost-secp256k1", n: 3, t: 2 });
      const other: Invite = parseInvite(engine, changed("invite", world.invite.encoded, field, value));
      assert.notDeepEqual(other.hash, world.invite.hash);
      const lives = [await world.open(1), await world.open(2, other), await world.open(3)];
      for (const { party } of lives) party.keygen().catch(() => {});
      await world.pass(60_000);
      for (const party of [1, 2, 3]) assert.deepEqual(world.store(party).list("share/"), []);
      assert.ok(lives.every(({ events }) => events.every(({ kind }) => kind !== "begun")));
      const told = lives[0]!.events.filter((event) => event.kind === "differs" && event.party === 2);
      assert.match(told.map(tell).join(), /party 2 takes no part here: it came with another invite/);
      for (const { party } of lives) await party.close();
    });
  }

  const MALFORMED: readonly (readonly [field: number, value: Cbor])[] = [
    [0, 2],
    [1, []],
    [1, ["ftp://relay"]],
    [1, ["http://user@relay"]],
    [1, Array.from({ length: 9 }, (_, i) => `http://relay${i}`)],
    [2, new Uint8Array(31)],
    [3, "two words"],
    [4, "rsa"],
    [5, 1],
    [6, [CARDS[0]!]],
    [6, [CARDS[0]!, new Uint8Array(100)]],
  ];
  test("that is not well-formed is refused whole", () => {
    for (const [field, value] of MALFORMED)
      assert.throws(
        () =>
          parseInvite(
            engine,
            changed("invite", INVITE.encoded, field, () => value),
          ),
        TokenError,
        String(field),
      );
  });

  test("given to a party that is not in it makes no party", async () => {
    const world = new World({ seed: "uninvited", scheme: "frost-secp256k1", n: 3, t: 2 });
    await assert.rejects(world.open(1, INVITE), refused(/party 1 of the invite is somebody else/));
  });
});
