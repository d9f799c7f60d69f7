/** What is wrong with the etcd that a node uses beside the mesh. It is liveness only: whatever it is, payments go on. */
import type { EtcdLook, EtcdStatus } from "@conclave/coordination-etcd";

/** Six of the nodes' beats; document 004 counts a node as away after a minute. */
export const ETCD_SILENCE_MS = 60_000;

/** As much of etcd's state as tells whether it is well. */
export type EtcdSigns = Pick<EtcdStatus, "state" | "problem" | "leaderKnown" | "alarms" | "silentMs" | "unseenMs">;

/** What a node sees to be wrong, and what mends it; the gravest of several. Null while all is well. */
export function etcdTrouble({ state, problem, silentMs, unseenMs, ...said }: EtcdSigns): string | null {
  if (state === "connecting" || state === "away")
    return problem ?? "no etcd has answered yet: start its members, or correct etcd_endpoints";
  const own = troubleWithin(said);
  if (own !== null) return `${own.what}: ${own.fix}`;
  if (state === "refused")
    return problem ?? "etcd refuses: give the node's user the rights that docs/operating/etcd.md names";
  const ms = Math.max(silentMs, unseenMs);
  if (ms <= ETCD_SILENCE_MS) return null;
  return (
    `etcd's watch has shown nothing for ${Math.floor(ms / 1_000)} s: see whether its members agree ` +
    "(`etcdctl endpoint status --cluster`), and restart the one that stands still"
  );
}

/** What etcd says to be wrong with itself, and what mends it. */
export function troubleWithin({
  leaderKnown,
  alarms,
}: Pick<EtcdLook, "leaderKnown" | "alarms">): { readonly what: string; readonly fix: string } | null {
  for (const [alarm, fix] of ALARMS)
    if (alarms.some((text) => text.includes(alarm))) return { what: `etcd raises the alarm ${alarm}`, fix };
  if (!leaderKnown)
    return { what: "etcd's members have no leader", fix: "start more of them: most of its members have to be there" };
  const [alarm] = alarms;
  return alarm === undefined
    ? null
    : { what: `etcd says: ${alarm}`, fix: "see `etcdctl alarm list` and etcd's manual" };
}

/** As etcd calls them, the gravest first. */
const ALARMS = [
  [
    "CORRUPT",
    "its members do not hold the same: stop the one that `etcdctl alarm list` names and add it anew with an empty folder; nothing of value is lost, the nodes write again what is open",
  ],
  [
    "NOSPACE",
    "make room: `etcdctl compact REVISION`, `etcdctl defrag --cluster`, then `etcdctl alarm disarm`; have it compact by itself, or raise --quota-backend-bytes",
  ],
] as const;
