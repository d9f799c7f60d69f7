/** `conclave relay`: runs a relay until it is told to stop. */
import { CommanderError } from "commander";
import { pino } from "pino";
import { InUse, WrongUsage } from "./options.ts";
import { startRelay } from "./relay.ts";
import { readSettings } from "./settings.ts";

/** As in the other commands, and sysexits' EX_TEMPFAIL: another process is in the way, so that trying later may do. */
const EXIT = { failed: 1, usage: 2, inUse: 75 } as const;

/** Resolves with the exit code when the relay has stopped: 0 after SIGTERM or SIGINT, or one of `EXIT`. */
export async function main(argv: readonly string[]): Promise<number> {
  const stop = stopSignal();
  try {
    const { options, logLevel } = readSettings(argv, process.env);
    const log = pino({ level: logLevel, base: null });
    const relay = await startRelay({ ...options, log });
    log.info({ signal: await stop.received }, "relay stops");
    await relay.close();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
    console.error(`conclave relay: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof InUse) return EXIT.inUse;
    return error instanceof WrongUsage ? EXIT.usage : EXIT.failed;
  } finally {
    stop.forget();
  }
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** The first signal that asks to stop. A second one ends the process at once, as without us. */
function stopSignal(): { readonly received: Promise<string>; forget(): void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const forget = (): void => {
    for (const signal of SIGNALS) process.off(signal, hear);
  };
  const hear = (signal: NodeJS.Signals): void => {
    forget();
    resolve(signal);
  };
  for (const signal of SIGNALS) process.on(signal, hear);
  return { received: promise, forget };
}
