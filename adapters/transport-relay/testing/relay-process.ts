/** A relay in a process of its own, for tests that kill it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

export interface RelayProcess {
  readonly url: string;
  readonly port: number;
  /** SIGKILL: no goodbye, and nothing is kept. */
  kill(): Promise<void>;
}

const SCRIPT = `
  import { startRelay } from "@conclave/relay-service";
  const relay = await startRelay({ listen: [{ host: "127.0.0.1", port: Number(process.argv[1]) }] });
  console.log(relay.port);
`;

/** `port` 0 takes any that is free. */
export async function relayProcess(port = 0): Promise<RelayProcess> {
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "--eval", SCRIPT, `${port}`], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  const own = Number(line.toString());
  return {
    url: `http://127.0.0.1:${own}`,
    port: own,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}
