/** What `conclave config check` looks at, each with what mends it; and the end of the certificate before it comes. */
import { checkNode, type Check } from "../cluster/init/check.ts";
import { failed, ok, reasonOf, warning, type Finding } from "./finding.ts";
import { certificateEndMs, type Patient } from "./patient.ts";

/** Time enough to ask the authority's holder, who may be away. */
const WARNING_DAYS = 14;
const DAY_MS = 86_400_000;

/** What mends each; the detail says more. */
const FIXES: Readonly<Record<string, string>> = {
  settings: "correct config.json; `conclave config show FILE` says where each value comes from",
  folder: "put the folder right, as said",
  password: "write the vault's password into that file, mode 600",
  "API token": "openssl rand -hex 32 > api-token && chmod 600 api-token",
  vault: "put vault and journal back together, as they were last; never an older copy of one of them",
  "network keys": "put the file back from where the folder was copied; else make a new card: `conclave init card`",
  charter: "ask the other operators for what is missing: `conclave init finish`, `conclave init add-card`",
  certificate: "`conclave certs renew`, and `conclave certs verify` says whether it is good",
  "API port": "stop what uses it, or set api_port",
  "network port": "stop what uses it, or set listen_quic or listen_libp2p",
};

export async function configured(configFile: string, nowMs: number): Promise<readonly Finding[]> {
  return (await checkNode(configFile, nowMs)).map(findingOf);
}

const findingOf = ({ check, ok: isGood, detail }: Check): Finding =>
  isGood ? ok(check, detail) : failed(check, detail, FIXES[check] ?? "as said");

export function certificateEnd(patient: Patient): readonly Finding[] {
  try {
    const endMs = certificateEndMs(patient);
    // One that is missing or over is told by the check of the certificate itself.
    if (endMs === null || endMs <= patient.nowMs) return [];
    const days = Math.floor((endMs - patient.nowMs) / DAY_MS);
    const told = `it ends on ${new Date(endMs).toISOString().slice(0, 10)}, in ${days} days`;
    return days < WARNING_DAYS
      ? [
          warning(
            "certificate end",
            told,
            "`conclave certs renew`; a running node takes the new one into use by itself",
          ),
        ]
      : [ok("certificate end", told)];
  } catch (error) {
    return [failed("certificate end", reasonOf(error), FIXES["certificate"]!)];
  }
}
