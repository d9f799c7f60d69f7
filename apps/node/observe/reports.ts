/** What a node in a process of its own tells: its log, part by part, and whoever counts. */
import type { Roster } from "@conclave/consensus";
import type { Notice } from "@conclave/node";
import type { NetworkEvent } from "../cluster/transports.ts";
import type { HttpLog } from "../http/index.ts";
import type { NodeLog } from "./log.ts";
import { NoticeLines } from "./notice-lines.ts";
import type { Observation } from "./observation.ts";

export interface Reports {
  readonly network: (event: NetworkEvent) => void;
  readonly notice: (notice: Notice) => void;
  readonly coordination: (report: { readonly kind: string; readonly message: string }) => void;
  readonly http: HttpLog;
}

/** What happens in the usual course of things. */
const USUAL: ReadonlySet<string> = new Set(["up", "down", "undialled", "listening", "certificate-loaded", "connected"]);

export function openReports(log: NodeLog, { nodes }: Roster, observation: Observation): Reports {
  const [network, node, coordination, http] = [
    log.component("network"),
    log.component("node"),
    log.component("coordination"),
    log.component("http"),
  ];
  const names = new Map<string, string>(nodes.map(({ id, name }) => [id, name]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const lines = new NoticeLines(nameOf);
  return {
    network(event) {
      observation.network(event);
      const { kind, peer, ...fields } = event as Readonly<Record<string, unknown>> & { readonly kind: string };
      const named = typeof peer === "string" ? { peer: nameOf(peer) } : {};
      network[USUAL.has(kind) ? "info" : "warn"]({ event: kind, ...named, ...fields }, `network: ${kind}`);
    },
    notice(notice) {
      const { level, fields, message } = lines.lineOf(notice);
      node[level](fields, message);
    },
    coordination({ kind, message }) {
      observation.coordination(kind);
      coordination[USUAL.has(kind) ? "info" : "warn"]({ event: kind }, message);
    },
    http: {
      info: (fields, message) => http.debug({ event: "request", ...fields }, message),
      error: (fields, message) => http.error({ event: "mistake", ...fields }, message),
    },
  };
}
