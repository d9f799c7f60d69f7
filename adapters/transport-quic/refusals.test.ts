/** Everybody who must not come in, on real sockets, at both ends of both engines, each with a reason of its own. */
import { randomBytes } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { certsCa } from "./index.ts";
import {
  makeCluster,
  makeNode,
  clockOff,
  DAY_MS,
  peersOf,
  withNodes,
  type StartNode,
  type TestNode,
} from "./testing/cluster.ts";
import { eventually } from "./testing/patience.ts";

const cluster = await makeCluster(2);
after(() => cluster.dispose());
const [first, second] = cluster.nodes as [TestNode, TestNode];

/** A node as its peers should not accept it. */
interface Impostor {
  readonly node: TestNode;
  /** What it takes for it to use its own certificate. */
  readonly options?: Parameters<StartNode>[3];
}

/** Signed by another authority, which its node trusts besides ours. */
async function foreigner(n: number, authorityName: string): Promise<Impostor> {
  const authority = join(cluster.folder, `authority-${randomBytes(3).toString("hex")}`);
  await certsCa({ folder: authority, name: authorityName, nowMs: Date.now() });
  const node = await makeNode({ folder: cluster.folder, authority }, n);
  appendFileSync(join(node.folder, "ca.crt"), readFileSync(join(cluster.authority, "ca.crt")));
  return { node };
}

const IMPOSTORS: Readonly<Record<string, (n: number) => Promise<Impostor>>> = {
  expired: async (n) => ({
    node: await makeNode(cluster, n, { nowMs: Date.now() - 2 * DAY_MS, days: 1 }),
    options: { certificateClock: clockOff(-1.5 * DAY_MS) },
  }),
  "not yet valid": async (n) => ({
    node: await makeNode(cluster, n, { nowMs: Date.now() + DAY_MS }),
    options: { certificateClock: clockOff(2 * DAY_MS) },
  }),
  "of a foreign authority": (n) => foreigner(n, "other"),
  "of a foreign authority with the name of ours": (n) => foreigner(n, "test"),
  "in another name": async (n) => ({
    node: { ...(await makeNode(cluster, n, { name: "somebody" })), name: `node-${n}` },
    options: { certificateName: "somebody" },
  }),
  "with another key than the pinned one": async (n) => ({
    node: await makeNode(cluster, n),
  }),
};

/** What the honest end says, and what the impostor hears, by engine. */
interface Reasons {
  readonly honest: RegExp;
  readonly impostor?: RegExp;
}
type Expected = Readonly<Record<string, Reasons>>;

/** The listener is honest. */
const AT_LISTENER: Readonly<Record<"quic" | "tls", Expected>> = {
  quic: {
    expired: { honest: /its certificate has expired/, impostor: /our certificate has expired/ },
    "not yet valid": { honest: /its certificate .* is not valid yet/, impostor: /our certificate .* is not valid yet/ },
    "of a foreign authority": {
      honest: /its certificate was signed by another authority/,
      impostor: /our certificate was/,
    },
    "of a foreign authority with the name of ours": {
      honest: /its certificate was signed by/,
      impostor: /our certificate was/,
    },
    "in another name": {
      honest: /its certificate is for "somebody", and "node-2" expects "node-1"/,
      impostor: /the name in our certificate is none of its peers/,
    },
    "with another key than the pinned one": {
      honest: /its certificate is for "node-1", and its key is not the one that the roster of "node-2" pins/,
      impostor: /our key is not the one that its roster pins/,
    },
  },
  tls: {
    expired: { honest: /its certificate has expired/ },
    "not yet valid": { honest: /its certificate is not valid yet/ },
    "of a foreign authority": { honest: /its certificate was signed by another authority$/ },
    "of a foreign authority with the name of ours": { honest: /its certificate was signed by another authority$/ },
    "in another name": { honest: /its certificate is for "somebody", and "node-2" expects "node-1"/ },
    "with another key than the pinned one": {
      honest: /its certificate is for "node-1", and its key is not the one that the roster of "node-2" pins/,
    },
  },
};

/** The dialler is honest; it always names both ends. */
const AT_DIALLER: Readonly<Record<"quic" | "tls", Expected>> = {
  quic: {
    expired: { honest: /its certificate has expired/ },
    "not yet valid": { honest: /its certificate .* is not valid yet/ },
    "of a foreign authority": { honest: /its certificate was signed by another authority/ },
    "of a foreign authority with the name of ours": { honest: /its certificate was signed by another authority/ },
    "in another name": { honest: /its certificate is for another name/ },
    "with another key than the pinned one": { honest: /does not hold the key that the roster pins for "node-2"/ },
  },
  tls: {
    expired: { honest: /its certificate has expired/ },
    "not yet valid": { honest: /its certificate is not valid yet/ },
    "of a foreign authority": { honest: /its certificate was signed by another authority$/ },
    "of a foreign authority with the name of ours": { honest: /its certificate was signed by another authority$/ },
    "in another name": { honest: /its certificate is for another name/ },
    "with another key than the pinned one": {
      honest: /its key is not the one that the roster of "node-1" pins for "node-2"/,
    },
  },
};

for (const mode of ["quic", "tls"] as const) {
  describe(`who dials over ${mode}`, () => {
    for (const [kind, { honest, impostor: told = /"node-1" has no link to "node-2"/ }] of Object.entries(
      AT_LISTENER[mode],
    ))
      it(
        `is refused with a certificate ${kind}`,
        withNodes(async (start) => {
          const { node, options } = await IMPOSTORS[kind]!(1);
          // Where the name is what is wrong, the key is right.
          const pinned = kind === "in another name" ? { ...first, tlsKey: node.tlsKey } : first;
          const listener = await start(second, mode, peersOf(second, [pinned]));
          const dialler = await start(
            node,
            mode,
            peersOf(node, [second], () => listener.address()),
            options,
          );
          await eventually(
            "the listener says why",
            () =>
              listener.events.some(
                (event) => event.kind === "refused" && event.peer === null && honest.test(event.reason),
              ),
            [listener, dialler],
          );
          await eventually(
            "the dialler hears of it",
            () => dialler.events.some((event) => event.kind === "undialled" && told.test(event.reason)),
            [listener, dialler],
          );
        }),
      );
  });

  describe(`who is dialled over ${mode}`, () => {
    for (const [kind, { honest }] of Object.entries(AT_DIALLER[mode]))
      it(
        `is refused with a certificate ${kind}`,
        withNodes(async (start) => {
          const { node, options } = await IMPOSTORS[kind]!(2);
          const pinned = kind === "in another name" ? { ...second, tlsKey: node.tlsKey } : second;
          const listener = await start(node, mode, peersOf(node, [first]), options);
          const dialler = await start(
            first,
            mode,
            peersOf(first, [pinned], () => listener.address()),
          );
          const reason = new RegExp(`"node-1" has no link to "node-2" at .*: .*${honest.source}`);
          await eventually(
            "the dialler says why, and who",
            () => dialler.events.some((event) => event.kind === "undialled" && reason.test(event.reason)),
            [listener, dialler],
          );
        }),
      );
  });
}
