/** The connections that read and write: a bounded pool of `pg`, each one prepared before its first use. */
import type { PostgresPool } from "kysely";
import { Pool, type ClientBase, type PoolClient } from "pg";
import type { PostgresAddress } from "./address.ts";
import type { Ownership } from "./ownership.ts";
import { ANSWER_TIMEOUT_MS, clientConfig } from "./server.ts";
import { Session } from "./session.ts";
import { fromDatabase } from "./trouble.ts";

/** Connections that nobody used for so long are closed. */
const IDLE_MS = 60_000;

/** Which rows of marks are taken: by a connection that writes one, or by a question about its last transaction. */
export class Slots {
  readonly #users = new Map<number, number>();

  /** The lowest row that nobody uses. Rows count from 1. */
  take(): number {
    let slot = 1;
    while (this.#users.has(slot)) slot++;
    this.hold(slot);
    return slot;
  }

  hold(slot: number): void {
    this.#users.set(slot, (this.#users.get(slot) ?? 0) + 1);
  }

  release(slot: number): void {
    const left = (this.#users.get(slot) ?? 0) - 1;
    if (left > 0) this.#users.set(slot, left);
    else this.#users.delete(slot);
  }
}

interface PoolParts {
  readonly address: PostgresAddress;
  readonly ownership: Ownership;
  readonly slots: Slots;
  readonly connections: number;
}

export function sessionPool({ address, ownership, slots, connections }: PoolParts): PostgresPool {
  const sessions = new WeakMap<ClientBase, Session>();
  const rows = new WeakMap<ClientBase, number>();
  // The pool waits for the promise, though its types do not say so.
  const join: (client: ClientBase) => unknown = async (client) => {
    // A connection may be lost at any time; whoever uses it next hears of it.
    client.on("error", () => {});
    const slot = slots.take();
    try {
      await ownership.join(client, slot);
    } catch (error) {
      slots.release(slot);
      throw error;
    }
    rows.set(client, slot);
    sessions.set(client, new Session(client as PoolClient, slot, slots));
  };
  const pool = new Pool({
    ...clientConfig(address),
    query_timeout: ANSWER_TIMEOUT_MS,
    max: connections,
    idleTimeoutMillis: IDLE_MS,
    onConnect: join,
  });
  pool.on("error", () => {});
  pool.on("remove", (client) => {
    const slot = rows.get(client);
    if (slot !== undefined) slots.release(slot);
    rows.delete(client);
  });
  return {
    async connect() {
      try {
        return sessions.get(await pool.connect())!;
      } catch (error) {
        throw fromDatabase(error);
      }
    },
    end: () => pool.end(),
    options: {},
  };
}
