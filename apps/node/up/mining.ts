/** The miner of a local network: a block for every payment that reaches the chain, as soon as it does. */
import type { LocalCluster } from "./local-cluster.ts";
import type { Notices } from "./notices.ts";

/** How often it looks for payments that no node spoke of, such as those that waited when the process ended. */
const LOOK_MS = 500;

/** Mines until the returned function is called. */
export function mineAsTheyCome(running: LocalCluster, notices: Notices): () => void {
  const mine = (): void => {
    if (running.chain.mempool.size > 0) running.mine();
  };
  const timer = setInterval(mine, LOOK_MS);
  const stopListening = notices.listen((_node, notice) => {
    // After the notice, so that every listener hears "broadcasting" before "confirmed".
    if (notice.kind === "state" && notice.state === "broadcasting" && notice.confirmations === 0) setImmediate(mine);
  });
  return () => {
    clearInterval(timer);
    stopListening();
  };
}
