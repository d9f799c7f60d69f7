import type { ClusterNode, ClusterStatus } from "@conclave/api";
import { openReader } from "../connection.ts";
import type { Action } from "../context.ts";
import { EXIT } from "../exit.ts";
import { cell, renderList, renderTable, type Tone } from "../output.ts";

const STATUS_TONES: { readonly [S in ClusterStatus["status"]]: Tone } = {
  ok: "good",
  degraded: "attention",
  halted: "bad",
};

const NODE_TONES: { readonly [S in ClusterNode["status"]]: Tone } = {
  online: "good",
  offline: "attention",
  banned: "bad",
};

/** `cluster status`. A halted cluster is an answer, and code 6: nothing can be signed now. */
export const showStatus: Action = async ({ settings, out }) => {
  const status = await openReader(settings).clusterStatus();
  const { n, t, q, f } = status;
  out.result(status, (look) =>
    renderList(
      [
        ["Status", cell(status.status, STATUS_TONES[status.status])],
        ...status.reasons.map((reason) => ["Reason", cell(reason, "attention")] as const),
        ["Nodes", cell(`${status.online} of ${n} online`)],
        ["Rules", cell(`${t} shares sign, ${q} votes approve, ${f} liars tolerated`)],
        ["Cluster", cell(`${status.cluster} on ${status.network}, height ${status.height}`)],
        ...status.dead_edges.map(
          ({ between, key_id, rekeying }) =>
            [
              "Dead edge",
              cell(`nodes ${between.join(" and ")}, key ${key_id}${rekeying ? ", being made anew" : ""}`, "attention"),
            ] as const,
        ),
        ["Keys", cell(status.key_ids.join(", ") || "none")],
        ["Answered by", cell(`node ${status.node_id}, version ${status.version}`)],
      ],
      look,
    ),
  );
  return status.status === "halted" ? EXIT.notReady : EXIT.ok;
};

/** `cluster nodes`. */
export const listNodes: Action = async ({ settings, out }) => {
  const page = await openReader(settings).clusterNodes();
  out.result(page, (look) =>
    renderTable(
      ["Node", "Name", "Status", "Last seen", "Note", "Key"],
      page.items.map((node) => [
        cell(node.node_id),
        cell(node.name),
        cell(node.status, NODE_TONES[node.status]),
        cell(node.last_seen ?? "never"),
        cell(noteOf(node)),
        cell(node.key),
      ]),
      look,
    ),
  );
  return EXIT.ok;
};

function noteOf({ self, ban }: ClusterNode): string {
  if (ban !== null) return `${ban.violation}, until ${ban.until ?? "further notice"}`;
  return self ? "answers" : "";
}
