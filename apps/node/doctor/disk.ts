/** What the node keeps: whether its history and its journal are whole, and whether there is room for more. */
import { existsSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { openJournal } from "@conclave/journal-sqlite";
import { inspectStore } from "@conclave/store-sql";
import { failed, ok, reasonOf, warning, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** A payment costs some tens of kilobytes of history: a thousand of them fit. */
const LEAST_BYTES = 100 << 20;
/** Room for a month of a busy cluster. */
const FEW_BYTES = 1 << 30;

/** `free`: bytes that the account may still write. */
export function space({ node: { folder } }: Patient, free: (dir: string) => number = freeBytes): Finding {
  const bytes = free(folder.root);
  const told = `${(bytes / (1 << 20)).toFixed(0)} MiB are free at ${folder.root}`;
  const fix = "make room: a node whose disk is full neither votes nor signs";
  if (bytes < LEAST_BYTES) return failed("disk", told, fix);
  return bytes < FEW_BYTES ? warning("disk", told, fix) : ok("disk", told);
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

const FIX_STORE =
  "history is no promise: move the file away, and the node hears from its peers what is under way; restore it from a backup for what is past";

export function store({ node: { folder, config }, runs }: Patient): Finding {
  if (config.postgres_url !== undefined) return ok("store", "in PostgreSQL; its own tools look after it");
  const file = join(folder.root, "history.sqlite");
  if (runs) return ok("store", `${file} is in use by the node, which says below how it is`);
  if (!existsSync(file)) return warning("store", `${file} is not there yet`, "the first start makes it");
  try {
    const { schema, known, damage } = inspectStore(file);
    if (damage.length > 0) return failed("store", `${file} is damaged: ${damage.join("; ")}`, FIX_STORE);
    if (schema > known)
      return failed(
        "store",
        `${file} has schema ${schema}, and this program knows ${known}`,
        "start the newer program again",
      );
    return ok(
      "store",
      schema < known ? `whole; schema ${schema} becomes ${known} at the next start` : `whole, schema ${schema}`,
    );
  } catch (error) {
    return failed("store", reasonOf(error), FIX_STORE);
  }
}

/** Every promise of a stopped node is read, and its chain of hashes checked, as at a start. */
export function journal({ node: { folder }, runs }: Patient): Finding {
  const file = join(folder.root, "journal", "safety.sqlite");
  const fix =
    "restore nothing older: a node that forgets what it promised must not vote. If the disk lost it, have the cluster replace the node";
  if (runs) return ok("journal", `${file} is in use by the node, which says below how it is`);
  if (!existsSync(file)) return failed("journal", `${file} is gone`, fix);
  try {
    const opened = openJournal({ file, create: false });
    try {
      let promises = 0;
      for (const _ of opened.read()) promises += 1;
      return ok("journal", `whole, ${promises} promises`);
    } finally {
      opened.close();
    }
  } catch (error) {
    return failed("journal", reasonOf(error), fix);
  }
}
