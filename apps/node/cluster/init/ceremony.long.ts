/** Three operators found a cluster with the real command, each in a folder of its own, start their nodes, and have them sign. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createClient } from "@conclave/api";
import { openRegtest } from "@conclave/bitcoin-regtest";
import { fromHex } from "@conclave/bytes";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { killAll, start } from "../../up/testing/command.ts";
import { freePortBase } from "../../up/testing/places.ts";
import { until } from "../../up/testing/waiting.ts";
import { conclave, exchange, operatorAt, temporary, type Operator } from "./testing/operators.ts";
import { filesIn, occurrences, secretsIn } from "./testing/secrets.ts";

const NAMES = ["alpha", "beta", "gamma"] as const;
/** Three processes on a loaded machine of two cores. */
const PATIENCE_MS = 60_000;
const MESSAGE = "founded by three who never shared a secret";

const machines = temporary();
after(async () => {
  await killAll();
  machines.remove();
});

test("three operators found a cluster whose nodes sign, and no folder holds a secret of another", async () => {
  const chain = await openRegtest();
  const { url: esploraUrl } = await chain.listen();
  const operators = NAMES.map((name) => operatorAt(machines.path, name));
  const portBase = await freePortBase(3);
  try {
    await found(operators, { esploraUrl, portBase });
    const nodes = operators.map(({ dir }) => start(["node", "--config", join(dir, "config.json")]));
    const clients = operators.map(({ dir }, i) =>
      createClient({
        baseUrl: `http://127.0.0.1:${portBase + i}`,
        fetch,
        token: readFileSync(join(dir, "api-token"), "utf8").trim(),
      }),
    );
    const [client, ...others] = clients as [(typeof clients)[0], ...typeof clients];
    await until(
      "all nodes up",
      PATIENCE_MS,
      async () => {
        const status = await client.clusterStatus().catch(() => null);
        return status?.status === "ok" ? status : undefined;
      },
      () => nodes.map((node) => node.errors().slice(-2_000)),
    );
    // As their operators see it while the nodes run: the ports are their own.
    const checked = await conclave("config", "check", join(operators[0]!.dir, "config.json"));
    assert.match(checked, /udp 127\.0\.0\.1:\d+ is in use by this node, which runs/);

    const made = await conclave(
      "keygen",
      "--name",
      "notary",
      "--api-endpoint",
      `http://127.0.0.1:${portBase}`,
      "--data",
      operators[0]!.dir,
    );
    assert.match(made, /^notary 0[23][0-9a-f]{64}\n/);
    const { items } = await client.keys();
    const key = items.find(({ name }) => name === "notary")!;
    // Asked of another operator's node: the key is the cluster's.
    const taken = await others[0]!.createMessage({ body: { key_id: key.id, message: MESSAGE }, idempotencyKey: "1" });
    const message = await until("a signature", PATIENCE_MS, async () => {
      const found = await others[0]!.message({ id: taken.id });
      return found.state === "signed" ? found : undefined;
    });
    assert.ok(secp256k1.verify(fromHex(message.signature!), Buffer.from(MESSAGE), fromHex(key.public_key)));

    for (const { child } of nodes) child.kill("SIGTERM");
    for (const node of nodes) assert.equal((await node.ended).code, 0, node.errors());
  } finally {
    await chain.close();
  }
  assertNothingShared(operators);
});

/** The ceremony of docs/operating/cluster.md. Everybody sees only the own folder and what the others sent. */
async function found(
  operators: readonly Operator[],
  { esploraUrl, portBase }: { readonly esploraUrl: string; readonly portBase: number },
): Promise<void> {
  const all = <T>(step: (operator: Operator, index: number) => Promise<T>): Promise<readonly T[]> =>
    Promise.all(operators.map(step));
  await all(({ name, dir, password }, i) => {
    const places = ["--listen-quic", `127.0.0.1:${portBase + 200 + i}`, "--port", String(portBase + i)];
    const node = ["--name", name, "--cluster", "prod", "--dir", dir, "--password-file", password];
    return conclave("init", "node", ...node, ...places, "--esplora-url", esploraUrl);
  });
  exchange(operators, "card");

  const [author, ...rest] = operators as [Operator, ...Operator[]];
  const numbers = ["--threshold", "2", "--network", "regtest", "--transport", "quic"];
  const drafted = await conclave("init", "charter", "--dir", author.dir, ...numbers, ...author.received("card"));
  const fingerprint = /Fingerprint.*\n(?<rows>(?: {2}[0-9a-f ]+\n){4})/.exec(drafted)!.groups!["rows"]!;
  const draft = author.shows("prod.charter");
  for (const operator of rest) operator.receive(draft);
  const draftOf = (operator: Operator): string => operator.received("charter")[0] ?? draft;

  const agreed = ["--yes", "--fingerprint", fingerprint];
  await all((operator) =>
    conclave("init", "sign", "--dir", operator.dir, draftOf(operator), ...operator.received("card"), ...agreed),
  );
  exchange(operators, "signature");
  const finished = await all((operator) =>
    conclave("init", "finish", "--dir", operator.dir, draftOf(operator), ...operator.received("signature")),
  );
  for (const [i, said] of finished.entries()) assert.match(said, new RegExp(`Missing: ${NAMES[i]}'s certificate`));

  const authority = join(machines.path, "authority-machine");
  await conclave("certs", "ca", "--dir", authority);
  await all(async (operator) => {
    const certificate = join(authority, `${operator.name}.crt`);
    const request = operator.shows(`${operator.name}.csr`);
    await conclave(
      "certs",
      "node",
      "--sign",
      request,
      "--ca",
      authority,
      "--name",
      operator.name,
      "--out",
      certificate,
    );
    const [mine, ca] = [operator.receive(certificate), operator.receive(join(authority, "ca.crt"))];
    await conclave("certs", "node", "--install", mine, "--dir", operator.dir, "--ca", ca);
  });
}

/** Searches every secret of every folder, in the clear and as it rests, in all that the others have. */
function assertNothingShared(operators: readonly Operator[]): void {
  for (const operator of operators) {
    const secrets = secretsIn(operator.dir, operator.password);
    const whats = secrets.map(({ what }) => what);
    for (const needed of ["identity seed", "vote seed", "TLS key", "libp2p seed", "password"])
      assert.ok(whats.includes(needed), needed);
    assert.ok(
      whats.some((what) => what.endsWith("scalar")),
      "the share of the key is among them",
    );
    assert.ok(secrets.every(({ bytes }) => bytes.length >= 20));
    const own = filesIn(join(operator.dir, ".."));
    const seed = secrets.find(({ what }) => what === "libp2p seed")!;
    assert.equal(occurrences([seed], own).length, 1, "the search finds what is there");
    const foreign = filesIn(machines.path).filter((path) => !own.includes(path));
    assert.ok(foreign.length > 20);
    assert.deepEqual(occurrences(secrets, foreign), [], operator.name);
    // Nothing in a node's folder is for other accounts.
    for (const path of filesIn(operator.dir)) assert.equal(statSync(path).mode & 0o077, 0, path);
    assert.equal(statSync(operator.dir).mode & 0o777, 0o700);
  }
}
