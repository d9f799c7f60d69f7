/** `conclave doctor`: everything about one node that can be looked at from its own machine, whether it runs or not. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { configFileIn } from "../cluster/init/node-dir.ts";
import { whileStopped } from "../cluster/init/while-stopped.ts";
import { clock } from "./clock.ts";
import { certificateEnd, configured } from "./configured.ts";
import { journal, space, store } from "./disk.ts";
import { files } from "./files.ts";
import { failed, ok, reasonOf, type Finding, type Status } from "./finding.ts";
import { examine, type Patient } from "./patient.ts";
import { chain, quorum, servers } from "./reachable.ts";
import { ready } from "./ready.ts";
import { runtime, running } from "./versions.ts";

export interface DoctorWish {
  /** `config.json` of a node. */
  readonly config?: string;
  /** The folder that holds it; the present one if neither is given. */
  readonly data?: string;
  readonly json: boolean;
  readonly say: (line: string) => void;
  readonly nowMs?: number;
}

/** Resolves with the exit status: 0 unless something failed, then 1. Throws nothing. */
export async function doctor({ config, data, json, say, nowMs = Date.now() }: DoctorWish): Promise<number> {
  const file = resolve(config ?? configFileIn(data ?? "."));
  const findings = await diagnose(file, nowMs);
  const isWell = findings.every(({ status }) => status !== "failed");
  if (json) say(JSON.stringify({ ok: isWell, config: file, findings }, null, 2));
  else for (const line of printed(findings)) say(line);
  return isWell ? 0 : 1;
}

/** In the order in which things depend on each other. */
export async function diagnose(file: string, nowMs: number): Promise<readonly Finding[]> {
  if (!existsSync(file)) return [failed("settings", `${file} is not there`, advice(file))];
  const settings = await configured(file, nowMs);
  // Without settings nobody knows where anything else is.
  if (settings[0]?.status !== "ok") return [runtime(), ...settings];
  try {
    const patient = examine(file, nowMs);
    const isAccount = ({ check, status }: Finding): boolean => check === "account" && status === "failed";
    const found = files(patient);
    const [process_, peers, services, bitcoin, time, points] = await Promise.all([
      running(patient),
      quorum(patient),
      servers(patient),
      chain(patient),
      clock(patient),
      ready(patient),
    ]);
    const stored = found.some(isAccount)
      ? [ok("store", "not opened by another account"), ok("journal", "not opened by another account")]
      : await kept(patient);
    return [
      runtime(),
      ...settings,
      ...certificateEnd(patient),
      ...found,
      space(patient),
      ...stored,
      ...process_,
      peers,
      ...services,
      bitcoin,
      ...time,
      ...points,
    ];
  } catch (error) {
    return [runtime(), ...settings, failed("doctor", reasonOf(error), "this is a mistake of the program: report it")];
  }
}

/** History and journal. A node that starts meanwhile waits until they were looked at; one that has started has them. */
async function kept(patient: Patient): Promise<readonly Finding[]> {
  const look = (seen: Patient): readonly Finding[] => [store(seen), journal(seen)];
  const found = patient.runs ? null : await whileStopped(patient.node, () => look(patient));
  return found ?? look({ ...patient, runs: true });
}

/** A local network's folder holds its nodes' folders. */
const advice = (file: string): string =>
  existsSync(join(file, "..", "network.json"))
    ? "this is a local network: name one of its nodes' folders with --data"
    : 'name a node\'s folder with --data, or its config.json with --config; "conclave init node" makes one';

const COLOURS = { ok: "green", warning: "yellow", failed: "red" } as const satisfies Readonly<Record<Status, string>>;
const STATUS_WIDTH = 9;

function printed(findings: readonly Finding[]): readonly string[] {
  const width = Math.max(...findings.map(({ check }) => check.length)) + 2;
  return findings.flatMap(({ check, status, detail, fix }) => [
    `${styleText(COLOURS[status], status.padEnd(STATUS_WIDTH))}${check.padEnd(width)}${detail}`,
    ...(fix === null ? [] : [`${" ".repeat(STATUS_WIDTH + width)}→ ${fix}`]),
  ]);
}
