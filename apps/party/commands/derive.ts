/** `derive`: the public key of a child. Needs nobody else. */
import { toHex } from "@conclave/bytes";
import { childFacts, pathRefusal, printPath } from "@conclave/party";
import type { Action } from "../context.ts";
import { openData } from "../data.ts";
import { EXIT, usageError } from "../exit.ts";
import { chooseKey } from "../key-choice.ts";
import { parsePath } from "../paths.ts";

interface DeriveOptions {
  readonly path: string;
  readonly key?: string;
}

/** BIP340 keys are named by x alone; the encoding begins with the parity of y. */
const PARITY_BYTES = 1;

export const derive: Action<DeriveOptions> = async ({ settings, out }, options) => {
  const path = parsePath(options.path);
  const data = await openData(settings);
  try {
    const key = chooseKey(data.keys, options.key);
    const refusal = pathRefusal(key, path);
    if (refusal !== null) throw usageError(`--path: ${refusal}.`);
    const child = childFacts(data.keys.groupOf(key), key, path);
    const isTaproot = key.invite.scheme === "frost-secp256k1-taproot";
    const xOnly = toHex(child.publicKey.subarray(PARITY_BYTES));
    const value = {
      key: key.invite.name,
      path: printPath(path),
      public_key: toHex(child.publicKey),
      ...(isTaproot ? { x_only_public_key: xOnly } : {}),
      chain_code: toHex(child.chainCode),
      depth: path.length,
      child_number: path.at(-1) ?? 0,
    };
    out.result(value, [
      ["Key", `${key.invite.name}, ${value.path}`],
      ["Public key", value.public_key],
      ...(isTaproot ? [["x-only key", xOnly] as const] : []),
      ["Chain code", value.chain_code],
      ["Depth", `${value.depth}, child number ${value.child_number}`],
    ]);
    return EXIT.ok;
  } finally {
    data.close();
  }
};
