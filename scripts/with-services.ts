/**
 * `node scripts/with-services.ts COMMAND …`: runs the command with a PostgreSQL server and an etcd of three members beside it, made
 * for it from Debian's packages and gone afterwards. `{postgres}` and `{etcd}` in its words become their addresses. Exit status:
 * the command's.
 */
import { spawn } from "node:child_process";
import { startEtcd } from "@conclave/coordination-etcd/testing";
import { startPostgres } from "@conclave/store-sql/testing";

const MEMBERS = 3;

const words = process.argv.slice(2);
if (words.length === 0) throw new RangeError("which command? node scripts/with-services.ts COMMAND …");

const [postgres, etcd] = await Promise.all([startPostgres(), startEtcd({ members: MEMBERS })]);
try {
  const [command, ...args] = words.map((word) =>
    word.replaceAll("{postgres}", postgres.url()).replaceAll("{etcd}", etcd.endpoints.join(",")),
  );
  const child = spawn(command!, args, { stdio: "inherit" });
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
} finally {
  await Promise.all([postgres.dispose(), etcd.close()]);
}
