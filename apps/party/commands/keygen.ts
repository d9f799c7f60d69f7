/** `keygen`: makes the key of an invite together with everybody in it. Killed and run again, it finishes or starts anew. */
import { equalBytes } from "@conclave/bytes";
import { checkInvited, fingerprint, parseInvite } from "@conclave/party";
import type { Action } from "../context.ts";
import { openData } from "../data.ts";
import { engine } from "../engine.ts";
import { EXIT, usageError } from "../exit.ts";
import { keyJson, keyLines } from "../shown.ts";
import { parseTimeoutMs, together } from "../together.ts";

interface KeygenOptions {
  readonly timeout?: string;
}

export const keygen: Action<KeygenOptions> = async ({ settings, out }, options, token = "") => {
  const invite = parseInvite(engine, token);
  const timeoutMs = parseTimeoutMs(options.timeout);
  const data = await openData(settings);
  try {
    checkInvited(invite, data.identity.card);
    const other = data.keys.named(invite.name);
    if (other !== undefined && !equalBytes(other.invite.hash, invite.hash))
      throw usageError(
        `This party has a key named "${invite.name}" already, of another invite: ask for one with another --name.`,
      );
    out.log("info", `invite with fingerprint ${fingerprint(invite.hash)}: the same at every party`);
    await together(
      { settings, out, data, invite, timeoutMs },
      async (party) => party.keygen(),
      (facts) => out.result(keyJson(facts), keyLines(facts)),
    );
    return EXIT.ok;
  } finally {
    data.close();
  }
};
