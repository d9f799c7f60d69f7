/** Which programs are at work: Node, this command, and the node that runs. */
import { VERSION } from "../version.ts";
import { failed, ok, reasonOf, warning, type Finding } from "./finding.ts";
import { healthOf, type Patient } from "./patient.ts";

/** What the program is written for: types stripped, `node:sqlite`, `Uint8Array.fromBase64`. */
const NODE_MAJOR = 24;

export function runtime(version: string = process.versions.node): Finding {
  return Number.parseInt(version, 10) === NODE_MAJOR
    ? ok("Node", `v${version}`)
    : failed(
        "Node",
        `v${version}, and ${NODE_MAJOR} is needed`,
        `install Node ${NODE_MAJOR}, or run npm ci, which brings it`,
      );
}

/** Whether it runs, answers, and is the program that this command is of. */
export async function running(patient: Patient): Promise<readonly Finding[]> {
  const { config, configFile } = patient.node;
  const where = `${config.api_host}:${config.api_port}`;
  if (!patient.runs) return [warning("process", "the node is stopped", `conclave node --config ${configFile}`)];
  try {
    const { version, node_id: number } = await healthOf(patient);
    const answers = ok("process", `it runs and answers at ${where} as node ${number}`);
    return version === VERSION
      ? [answers, ok("version", `${version}, running and installed`)]
      : [
          answers,
          warning(
            "version",
            `${version} runs, and ${VERSION} is installed`,
            "restart the node, one node of the cluster at a time",
          ),
        ];
  } catch (error) {
    return [
      failed(
        "process",
        `it runs, and its API does not answer at ${where}: ${reasonOf(error)}`,
        "read the end of its log; if it says nothing, restart it",
      ),
    ];
  }
}
