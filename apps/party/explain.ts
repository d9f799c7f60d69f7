/** What went wrong, as the user is told it. */
import { VaultError } from "@conclave/custody";
import { PartyFailure, TokenError, type FailureCode } from "@conclave/party";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit.ts";

const CODES: Readonly<Record<FailureCode, ExitCode>> = {
  refused: EXIT.refused,
  byzantine: EXIT.byzantine,
  "not-ready": EXIT.notReady,
  failed: EXIT.failed,
  timeout: EXIT.timeout,
  closed: EXIT.interrupted,
};

const VAULT_CODES: Readonly<Record<VaultError["code"], ExitCode>> = {
  "wrong-password": EXIT.usage,
  locked: EXIT.notReady,
  corrupt: EXIT.failed,
  unavailable: EXIT.failed,
  unknown: EXIT.failed,
  exists: EXIT.failed,
};

export function explain(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof PartyFailure)
    return new CommandError(CODES[error.code], error.code, sentence(error.message), { cause: error });
  if (error instanceof TokenError) return usageError(sentence(error.message), { cause: error });
  if (error instanceof VaultError)
    return new CommandError(VAULT_CODES[error.code], `vault-${error.code}`, sentence(error.message), { cause: error });
  const what = error instanceof Error ? error.message : String(error);
  return new CommandError(EXIT.failed, "failed", sentence(what), { cause: error });
}

const sentence = (text: string): string => {
  const first = text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
};
