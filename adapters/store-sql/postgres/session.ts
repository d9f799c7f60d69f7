/**
 * One connection of the pool, in the shape that Kysely's driver expects. Beside what that asks for, it prepares statements by
 * name, refuses parameters that no column holds exactly, and leaves a mark in every transaction by which one whose COMMIT was
 * never answered can be told from one that never happened.
 */
import { createHash, randomBytes } from "node:crypto";
import type { PostgresPoolClient, PostgresQueryResult } from "kysely";
import type { PoolClient } from "pg";
import { exactParameter } from "../parameters.ts";
import { MARKS_TABLE } from "./ownership.ts";
import type { Slots } from "./pool.ts";
import { fromDatabase, troubleOf } from "./trouble.ts";

/** Statements that a connection keeps ready at the server. The store has about a hundred; those with lists come and go. */
const MAX_PREPARED = 256;
/** Statements with long lists of values have as many forms as lists have lengths: those are not kept. */
const MAX_PREPARED_PARAMETERS = 32;
/** Collisions would run one statement for another; this many bytes of a hash have none. */
const NAME_BYTES = 16;
const TOKEN_BYTES = 16;

/** A COMMIT without an answer: only the mark says whether it happened. */
export class CommitUnknown extends Error {
  override readonly name = "CommitUnknown";
  readonly slot: number;
  readonly token: string;
  constructor(slot: number, token: string, cause: unknown) {
    super("the connection was lost while a transaction was being committed", { cause });
    this.slot = slot;
    this.token = token;
  }
}

export class Session implements PostgresPoolClient {
  readonly #client: PoolClient;
  /** The row of marks that this connection alone writes. */
  readonly #slot: number;
  readonly #slots: Slots;
  readonly #prepared = new Map<string, string>();
  /** The mark of the transaction under way. */
  #token = "";
  #lost = false;

  constructor(client: PoolClient, slot: number, slots: Slots) {
    this.#client = client;
    this.#slot = slot;
    this.#slots = slots;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(cursor: object): never;
  query<R>(sql: string | object, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<R>> {
    if (typeof sql !== "string") throw new TypeError("the store does not stream with cursors");
    return this.#run(sql, parameters) as Promise<PostgresQueryResult<R>>;
  }

  release(destroy = false): void {
    this.#client.release(destroy || this.#lost);
  }

  async #run(sql: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      if (sql === "begin") return await this.#begin();
      if (sql === "commit") return await this.#commit();
      // Nothing is left to undo behind a lost connection: the server does it by itself.
      if (sql === "rollback" && this.#lost) return { command: "ROLLBACK", rowCount: 0, rows: [] };
      return await this.#client.query(this.#statement(sql, parameters));
    } catch (error) {
      if (troubleOf(error) === "lost") this.#lost = true;
      throw fromDatabase(error);
    }
  }

  #statement(text: string, parameters: readonly unknown[]): { name?: string; text: string; values: unknown[] } {
    const values = parameters.map(exactParameter);
    if (values.length > MAX_PREPARED_PARAMETERS) return { text, values };
    const known = this.#prepared.get(text);
    if (known !== undefined) return { name: known, text, values };
    if (this.#prepared.size >= MAX_PREPARED) return { text, values };
    const name = createHash("sha256")
      .update(text)
      .digest("hex")
      .slice(0, 2 * NAME_BYTES);
    this.#prepared.set(text, name);
    return { name, text, values };
  }

  /** The mark goes with BEGIN, in one message, so that it costs no round trip. */
  async #begin(): Promise<unknown> {
    this.#token = randomBytes(TOKEN_BYTES).toString("hex");
    try {
      await this.#client.query(`begin; update ${MARKS_TABLE} set token = '${this.#token}' where slot = ${this.#slot}`);
    } catch (error) {
      // Half begun: the connection goes, whatever the reason was.
      this.#lost = true;
      throw error;
    }
    return { command: "BEGIN", rowCount: 0, rows: [] };
  }

  async #commit(): Promise<unknown> {
    // A connection that was lost before has nothing to commit, and its transaction is undone.
    if (this.#lost) throw new Error("Connection terminated before the transaction was committed");
    try {
      return await this.#client.query("commit");
    } catch (cause) {
      if (troubleOf(cause) !== "lost") throw cause;
      this.#lost = true;
      // Nobody else writes this mark until it was read.
      this.#slots.hold(this.#slot);
      throw new CommitUnknown(this.#slot, this.#token, fromDatabase(cause));
    }
  }
}
