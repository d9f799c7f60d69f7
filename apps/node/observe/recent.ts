/** What is remembered of requests while they are followed. */
import { Latest } from "@conclave/node";

/** Payments and keys under way at once; a thousand queued payments fit. */
const MAX_FOLLOWED = 1_024;

export class Recent<T> extends Latest<string, T> {
  constructor() {
    super(MAX_FOLLOWED);
  }
}
