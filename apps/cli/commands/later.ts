/** Names of document 003's command for what the cluster does not do yet: a clear answer in place of an unknown command. */
import type { Action } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";

/** `keyrefresh`. */
export const keyrefresh: Action = async () => {
  throw new CliError(
    EXIT.notReady,
    "not-yet",
    'Refreshing the shares of a key comes with a later version: nothing was changed, and the key goes on as it is. An edge that died is made anew with "conclave cluster rekey".',
  );
};

/** `tss qc`. */
export const quorumChange: Action = async () => {
  throw new CliError(
    EXIT.notReady,
    "not-yet",
    "Changing the nodes that hold a key comes with a later version: nothing was changed.",
  );
};
