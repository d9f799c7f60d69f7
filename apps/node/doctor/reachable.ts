/** Whether what the node depends on answers: its peers, its servers, the Bitcoin chain. */
import { connect } from "node:net";
import { openEsplora } from "@conclave/bitcoin-esplora";
import { networks } from "@conclave/bitcoin";
import { ChainLied } from "@conclave/node";
import type { PeerCard } from "@conclave/consensus";
import { etcdAccess } from "../cluster/coordination.ts";
import { pathIn } from "../cluster/init/node-dir.ts";
import { troubleWithin } from "../observe/etcd-trouble.ts";
import { failed, ok, reasonOf, warning, type Finding } from "./finding.ts";
import { clusterOf, type Patient } from "./patient.ts";

/** A connection within a continent takes a tenth of a second. */
const PATIENCE_MS = 3_000;

/** Enough nodes for votes and signatures? The running node knows; for a stopped one, whoever listens is counted. */
export async function quorum(patient: Patient): Promise<Finding> {
  if (patient.runs) return quorumOfRunning(patient);
  const { membership, node } = patient;
  if (membership === null) return warning("quorum", "nobody knows who the peers are", "see the charter");
  const { charter, cards } = membership;
  const needed = Math.max(charter.threshold, charter.quorum);
  const peers = [...cards.values()].filter(({ name }) => name !== node.config.name);
  const addresses = peers.map((card) => tcpAddress(patient, card));
  if (addresses.includes(null))
    return warning(
      "quorum",
      `not looked at: over ${charter.transport} only nodes can tell whether peers are there`,
      "ask again while the node runs",
    );
  const there = await Promise.all(addresses.map((address) => listens(address!)));
  const away = peers.filter((_, i) => !there[i]).map(({ name }) => name);
  const online = 1 + peers.length - away.length;
  const told = `${online} of ${peers.length + 1} nodes would be there, this one included; ${needed} are needed`;
  if (online < needed)
    return failed(
      "quorum",
      `${told}; ${away.join(", ")} do not listen`,
      "call their operators, or see the network between",
    );
  return away.length === 0
    ? ok("quorum", told)
    : warning(
        "quorum",
        `${told}; ${away.join(", ")} do not listen`,
        "call their operators, or see the network between",
      );
}

async function quorumOfRunning(patient: Patient): Promise<Finding> {
  try {
    const { status, reasons, online, n, t, q } = await clusterOf(patient);
    const told = `${online} of ${n} nodes are there, ${Math.max(t, q)} are needed`;
    if (status === "ok") return ok("quorum", told);
    const fix = "`conclave cluster nodes` says who is away since when: call their operators";
    return (status === "halted" ? failed : warning)("quorum", `${told}: ${reasons.join("; ")}`, fix);
  } catch (error) {
    return failed("quorum", `the node does not say: ${reasonOf(error)}`, "read the end of its log");
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where a peer listens for streams; null over networks that have no such place. */
function tcpAddress({ membership, node: { config } }: Patient, { name, endpoints }: PeerCard): Address | null {
  const transport = membership?.charter.transport === "quic" && config.tls ? "tls" : membership?.charter.transport;
  const known = config.peer_addresses[name];
  if (transport === "tls") return hostPort(known ?? endpoints.quic[0] ?? "");
  if (transport !== "libp2p") return null;
  const [, , host, kind, port] = (known ?? endpoints.libp2p[0] ?? "").split("/");
  return kind === "tcp" && host !== undefined ? { host, port: Number(port) } : null;
}

function hostPort(text: string): Address | null {
  const at = text.lastIndexOf(":");
  return at < 0 ? null : { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(text.slice(at + 1)) };
}

function listens({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}

/** Servers of the operator's own that the configuration names: whether somebody listens there, and what etcd says of itself. */
export async function servers(patient: Patient): Promise<readonly Finding[]> {
  const { node, membership } = patient;
  const { config } = node;
  const { postgres_url: postgres, etcd_endpoints: etcd, relays } = config;
  const urls: readonly (readonly [check: string, url: string])[] = [
    ...(postgres === undefined ? [] : [["PostgreSQL", postgres] as const]),
    ...etcd.map((url) => ["etcd", url] as const),
    // In other networks nobody asks relays.
    ...(membership?.charter.transport === "relay" ? relays.map((url) => ["relay", url] as const) : []),
  ];
  const listening = await Promise.all(
    urls.map(async ([check, url]) => {
      const { host, hostname, port, protocol } = new URL(url);
      const usual = check === "PostgreSQL" ? 5_432 : protocol === "https:" || protocol === "wss:" ? 443 : 80;
      const place = { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? usual : Number(port) };
      return (await listens(place))
        ? ok(check, `${host} listens`)
        : failed(check, `nobody listens at ${host}`, `start it, or name another one in config.json`);
    }),
  );
  const isThere = listening.some(({ check, status }) => check === "etcd" && status === "ok");
  return isThere ? [...listening, await etcdHealth(patient)] : listening;
}

/** Asked with the node's own certificate and user. Never a failure: nodes work without etcd. */
async function etcdHealth({ node, membership }: Patient): Promise<Finding> {
  const check = "etcd health";
  if (membership === null) return warning(check, "nobody knows the cluster's name in it", "see the charter");
  try {
    const { lookAtEtcd } = await import("@conclave/coordination-etcd");
    const look = await lookAtEtcd(etcdAccess(node.config, membership.charter, (file) => pathIn(node, file)));
    const trouble = troubleWithin(look);
    return trouble === null
      ? ok(check, `${look.endpoint} has a leader and raises no alarm`)
      : warning(check, `${trouble.what} (asked at ${look.endpoint})`, trouble.fix);
  } catch (error) {
    return warning(check, reasonOf(error), "correct what etcd's settings in config.json name, or etcd, as said");
  }
}

export async function chain({ node: { config }, membership }: Patient): Promise<Finding> {
  if (membership === null) return warning("chain", "nobody knows which network it should be", "see the charter");
  const { network } = membership.charter;
  const url = config.esplora_url;
  const esplora = openEsplora({
    baseUrl: url,
    genesisHash: networks[network].genesisHash,
    allowPrivateHosts: true,
    attempts: 1,
    timeoutMs: PATIENCE_MS,
  });
  try {
    const { height } = await esplora.tip();
    return ok("chain", `${url} serves ${network}, block ${height}`);
  } catch (error) {
    return error instanceof ChainLied
      ? failed("chain", reasonOf(error), `set esplora_url to a server of ${network}`)
      : failed("chain", `${url} does not answer: ${reasonOf(error)}`, "start the server, or set another esplora_url");
  }
}
