/** Where a store is tried. */
import type { Store } from "../../store/port.ts";

/** One empty place for a store. `reopen` closes the store and opens it again, where the store outlives its process. */
export interface StorePlace {
  readonly store: Store;
  readonly reopen?: () => Promise<Store>;
  readonly dispose: () => Promise<void>;
}

/** One promise of a store, tried on an empty one. */
export type StoreTest = (store: Store, place: StorePlace) => Promise<void>;

/** Makes an empty store for a test and disposes of it afterwards. */
export type WithStore = (test: StoreTest) => () => Promise<void>;

export const storesFrom =
  (makePlace: () => Promise<StorePlace>): WithStore =>
  (test) =>
  async () => {
    const place = await makePlace();
    try {
      await test(place.store, place);
    } finally {
      await place.dispose();
    }
  };
