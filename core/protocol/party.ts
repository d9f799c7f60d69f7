import { CodecError, list, record, refine, uint, type Schema } from "@conclave/bytes";

/** A party's number in one session: the x-coordinate of its share, 1..n. Never 0. */
export type PartyIndex = number & { readonly __brand: "PartyIndex" };

/** Largest committee. Bounds every list on the wire; a keygen among 32 nodes already moves some 130 KB per node. */
export const MAX_PARTIES = 32;

/** A party number on the wire. */
export const partyIndex: Schema<PartyIndex> = refine(uint({ min: 1, max: MAX_PARTIES }), {
  parse: (value) => value as PartyIndex,
  print: (party) => party,
});

/** Parties in ascending order: the only order in which a protocol walks through its committee. */
export const ascending = (parties: Iterable<PartyIndex>): PartyIndex[] => [...parties].toSorted((a, b) => a - b);

/** One value per party, on the wire as pairs in ascending party order. Refuses a party named twice or out of order. */
export function partyMap<T>(of: Schema<T>): Schema<ReadonlyMap<PartyIndex, T>> {
  const pairs = list(record({ party: partyIndex, value: of }), { max: MAX_PARTIES });
  return refine(pairs, {
    parse: (entries) => {
      for (const [i, { party }] of entries.entries()) {
        if (i > 0 && party <= entries[i - 1]!.party) throw new CodecError("parties are not in ascending order");
      }
      return new Map(entries.map(({ party, value }) => [party, value]));
    },
    print: (map) => ascending(map.keys()).map((party) => ({ party, value: map.get(party)! })),
  });
}
