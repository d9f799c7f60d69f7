/** Derivation paths as people type them. */
import { MAX_PATH } from "@conclave/party";
import { usageError } from "./exit.ts";

const STEP = /^(?<index>\d{1,10})(?<hardened>['hH]?)$/;
const FIRST_HARDENED = 0x8000_0000;

/** `m/0/5` as [0, 5]; hardened steps keep their mark, so that the refusal can name them. Throws `CommandError` (usage). */
export function parsePath(text: string): readonly number[] {
  const [root, ...steps] = text.split("/");
  if (root !== "m" || steps.length > MAX_PATH) throw wrong(text);
  return steps.map((step) => {
    const { index, hardened } = STEP.exec(step)?.groups ?? {};
    if (index === undefined || Number(index) >= FIRST_HARDENED) throw wrong(text);
    return Number(index) + (hardened === "" ? 0 : FIRST_HARDENED);
  });
}

const wrong = (text: string) =>
  usageError(`"${text}" is no path: write m, then up to ${MAX_PATH} numbers below 2147483648, such as m/0/5.`);
