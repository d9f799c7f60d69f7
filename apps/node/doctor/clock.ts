/** This machine's clock against those of the servers that the node talks to. */
import { clockOfEsplora, SKEW_LIMIT_SECONDS, SKEW_WARNING_SECONDS, skewAgainst } from "../observe/clock-skew.ts";
import { failed, ok, warning, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

const FIX = "have a time service keep it: timedatectl set-ntp true";

/** `nowMs`: of this machine. */
export async function clock(
  { node: { config }, membership }: Patient,
  nowMs: () => number = Date.now,
): Promise<readonly Finding[]> {
  const genesisMs = membership?.charter.genesisMs ?? 0;
  if (nowMs() < genesisMs)
    return [
      failed(
        "clock",
        `the cluster was founded at ${new Date(genesisMs).toISOString()}, which is still to come here`,
        FIX,
      ),
    ];
  const relays = config.relays.map((url) => `${url.replace(/^ws/, "http").replace(/\/+$/, "")}/health`);
  const asked = await Promise.all(
    [clockOfEsplora(config.esplora_url), ...relays].map(async (url) => ({ url, skew: await skewAgainst(url, nowMs) })),
  );
  const told = asked.flatMap(({ url, skew }) => (skew === null ? [] : [judged(new URL(url).host, skew)]));
  if (told.length > 0) return told;
  return [warning("clock", "not compared: no server that the node knows tells the time", `see the chain; ${FIX}`)];
}

function judged(host: string, skew: number): Finding {
  const told = `${Math.abs(skew).toFixed(1)} s ${skew < 0 ? "behind" : "ahead of"} ${host}'s`;
  if (Math.abs(skew) > SKEW_LIMIT_SECONDS) return failed("clock", told, FIX);
  return Math.abs(skew) > SKEW_WARNING_SECONDS ? warning("clock", told, FIX) : ok("clock", told);
}
