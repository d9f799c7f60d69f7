/** TLS, client certificates, users: what connects, and what is said clearly and without a secret when it does not. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import {
  etcdCoordination,
  EtcdMisconfigured,
  EtcdRefused,
  EtcdUnreachable,
  lookAtEtcd,
  type EtcdOptions,
} from "./index.ts";
import { etcdMissing, makeAuthority, startEtcd, type EtcdCluster, type TestAuthority } from "./testing/index.ts";
import { NODES, startNode, statement, type TestNode } from "./testing/nodes.ts";
import { eventually } from "./testing/patience.ts";

const credentials = { user: "node", password: "correct horse battery staple" };

describe("an etcd with TLS and users", { skip: etcdMissing() }, () => {
  let etcd: EtcdCluster;
  let authority: TestAuthority;
  const open: TestNode[] = [];

  const join = async (index: number, options: Partial<EtcdOptions> = {}): Promise<TestNode> => {
    const usual = { endpoints: etcd.endpoints, tls: etcd.tls, credentials };
    const node = await startNode(NODES[index]!, { ...usual, ...options });
    open.push(node);
    return node;
  };
  const told = () => open.map(({ coordination, reports }) => ({ ...coordination.status(), reports }));
  /** Starts a node that cannot work, and returns the problem that it shows. */
  const problemOf = async (options: Partial<EtcdOptions>): Promise<string> => {
    const node = await join(0, options);
    await eventually("it has a problem", () => node.coordination.status().problem !== null, told);
    const problem = node.coordination.status().problem!;
    for (const { message } of node.reports) {
      assert.ok(!message.includes(credentials.password), message);
      assert.ok(!/BEGIN|PRIVATE/.test(message), message);
    }
    return problem;
  };

  before(async () => {
    authority = await makeAuthority();
    etcd = await startEtcd({ authority, user: credentials });
  });
  after(() => etcd.close());
  afterEach(async () => {
    for (const { coordination } of open.splice(0)) await coordination.close();
  });

  test("statements pass; a token that etcd forgot is replaced", async () => {
    const [first, second] = [await join(0), await join(1)];
    first.coordination.publish(statement(1));
    await eventually("the first arrives", () => second.has(statement(1).wire), told);
    // Tokens are in its memory.
    await etcd.members[0]!.kill();
    etcd.members[0]!.start();
    first.coordination.publish(statement(2));
    await eventually("the second arrives", () => second.has(statement(2).wire), told);
    assert.equal(first.coordination.status().state, "connected");
  });

  test("an etcd of another authority is not spoken to", async () => {
    const { ca } = await makeAuthority();
    assert.match(await problemOf({ tls: { ...etcd.tls, ca } }), /authority that is not the one configured/);
  });

  test("without a client certificate, etcd's wish for one is named", async () => {
    assert.match(await problemOf({ tls: { ca: authority.ca } }), /asks for a client certificate that it can trust/);
  });

  test("a client certificate of another authority is refused, and said to be", async () => {
    const { client } = await makeAuthority();
    assert.match(
      await problemOf({ tls: { ca: authority.ca, ...client } }),
      /asks for a client certificate that it can trust/,
    );
  });

  test("a wrong password is named, and not shown", async () => {
    const wrong = { user: "node", password: "hunter2-hunter2" };
    const problem = await problemOf({ credentials: wrong });
    assert.match(problem, /does not accept the user or its password/);
    assert.ok(!problem.includes(wrong.password));
  });

  test("a user without the role is told which one it needs", async () => {
    await etcd.addUser("stranger", "stranger-password");
    assert.match(
      await problemOf({ credentials: { user: "stranger", password: "stranger-password" } }),
      /permission denied.*role that may read and write the cluster's prefix/,
    );
  });

  test("an operator's look sees its state, and is refused and told why like a node", async () => {
    const usual = { endpoints: etcd.endpoints, tls: etcd.tls, credentials, cluster: "test" };
    const [url] = etcd.endpoints;
    assert.deepEqual(await lookAtEtcd(usual), { endpoint: new URL(url!).host, leaderKnown: true, alarms: [] });
    await etcd.addUser("passer-by", "passer-by-password");
    const refused: readonly (readonly [user: string, password: string, why: RegExp])[] = [
      ["passer-by", "passer-by-password", /permission denied/],
      ["node", "hunter2-hunter2", /does not accept the user or its password/],
    ];
    for (const [user, password, why] of refused)
      await assert.rejects(lookAtEtcd({ ...usual, credentials: { user, password } }), (error: Error) => {
        assert.ok(error instanceof EtcdRefused);
        assert.match(error.message, why);
        return !error.message.includes(password);
      });
    await assert.rejects(lookAtEtcd({ ...usual, endpoints: ["https://127.0.0.1:1"] }), EtcdUnreachable);
    await assert.rejects(lookAtEtcd({ ...usual, endpoints: [] }), EtcdMisconfigured);
  });

  test("asking by http where TLS is spoken says so", async () => {
    const endpoints = etcd.endpoints.map((url) => url.replace("https:", "http:"));
    const problem = await problemOf({ endpoints });
    assert.match(problem, /an etcd with TLS is asked by https|not as an etcd/);
  });

  test("asking nobody says so", async () => {
    assert.match(await problemOf({ endpoints: ["https://127.0.0.1:1"] }), /nothing listens there/);
  });
});

describe("options that cannot work are refused before anything is sent", () => {
  const usual: EtcdOptions = {
    endpoints: ["https://etcd-1:2379"],
    cluster: "test",
    self: NODES[0]!,
    members: NODES,
    config: { threshold: 2, totalNodes: 3, bitcoinNetwork: "regtest" },
  };
  const cases: readonly (readonly [name: string, options: Partial<EtcdOptions>, message: RegExp])[] = [
    ["no endpoint", { endpoints: [] }, /1 to 16 endpoints/],
    ["too many endpoints", { endpoints: Array.from({ length: 17 }, (_, i) => `https://e${i}`) }, /17 are given/],
    ["no address", { endpoints: ["etcd-1"] }, /like https:\/\/etcd-1:2379/],
    ["another scheme", { endpoints: ["ftp://etcd-1"] }, /like https:\/\/etcd-1:2379/],
    ["a user in the address", { endpoints: ["https://me:secret@etcd-1"] }, /does not belong into its address/],
    ["a path", { endpoints: ["https://etcd-1/v3"] }, /only scheme, host and port/],
    ["a password in the clear", { endpoints: ["http://etcd-1:2379"], credentials }, /use https/],
    ["a name that is several", { cluster: "a/b" }, /cluster's name/],
    ["a name that leads elsewhere", { cluster: ".." }, /cluster's name/],
    ["a certificate without its key", { tls: { cert: "x" } }, /needs its key/],
    ["an authority that is none", { tls: { ca: "-----BEGIN CERTIFICATE-----\nx" } }, /authority cannot be used/],
    ["a key that is none", { tls: { cert: "x", key: "y" } }, /client certificate and key cannot be used/],
  ];
  for (const [name, options, message] of cases) {
    test(name, () => {
      assert.throws(
        () => etcdCoordination({ ...usual, ...options }),
        (error: Error) =>
          error instanceof EtcdMisconfigured && message.test(error.message) && !/secret|staple/.test(error.message),
      );
    });
  }
});
