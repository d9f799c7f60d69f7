/**
 * `node scripts/with-services.ts [--used] COMMAND …`: runs the command with a PostgreSQL server and an etcd of three members beside
 * it, made for it from Debian's packages and gone afterwards. `{postgres}` and `{etcd}` in its words become their addresses. Exit
 * status: the command's; with `--used`, 1 if the nodes that it ran did without one of the two, as they can.
 */
import { spawn } from "node:child_process";
import { startEtcd, type EtcdCluster } from "@conclave/coordination-etcd/testing";
import { startPostgres, type PostgresServer } from "@conclave/store-sql/testing";

const MEMBERS = 3;

const [first, ...rest] = process.argv.slice(2);
const mustBeUsed = first === "--used";
const words = mustBeUsed || first === undefined ? rest : [first, ...rest];
if (words.length === 0) throw new RangeError("which command? node scripts/with-services.ts [--used] COMMAND …");

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
  for (const reason of mustBeUsed ? [...(await withoutPostgres(postgres)), ...(await withoutEtcd(etcd))] : []) {
    console.error(`not used: ${reason}`);
    process.exitCode = 1;
  }
} finally {
  await Promise.all([postgres.dispose(), etcd.close()]);
}

/** What no payment leaves behind where its nodes kept it elsewhere. */
async function withoutPostgres(server: PostgresServer): Promise<readonly string[]> {
  const schemas = await server.sql("select nspname as name from pg_namespace where nspname like 'conclave%'");
  if (schemas.length === 0) return ["no node made its schema in PostgreSQL"];
  const reasons: string[] = [];
  for (const { name } of schemas)
    for (const table of ["transactions", "votes", "audit_log"]) {
      const [row] = await server.sql(`select count(*) as rows from "${String(name)}".${table}`);
      console.log(`PostgreSQL: ${String(name)}.${table} has ${String(row!["rows"])} rows`);
      if (Number(row!["rows"]) === 0) reasons.push(`PostgreSQL's ${String(name)}.${table} is empty`);
    }
  return reasons;
}

/** What they said may be withdrawn by now: etcd's history has it. */
async function withoutEtcd(etcd: EtcdCluster): Promise<readonly string[]> {
  const written = await etcd.everWritten("/conclave/");
  return ["config", "peers", "votes"].flatMap((area) => {
    const keys = written.filter((key) => key.split("/")[3] === area);
    console.log(`etcd: ${keys.length} keys below ${area}/`);
    return keys.length === 0 ? [`nothing was ever written below ${area}/ of etcd`] : [];
  });
}
