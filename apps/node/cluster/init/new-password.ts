/** A vault's first password: from a file, or typed twice, because a slip would lock the node's operator out for ever. */
import { PasswordMissing, readPassword } from "../../password.ts";

/** Throws `PasswordMissing`. */
export async function newPassword(file: string | undefined): Promise<string> {
  const first = await readPassword(file);
  if (file !== undefined) return first;
  const { password, isCancel } = await import("@clack/prompts");
  const again = await password({ message: "The same password again" });
  if (isCancel(again) || again !== first)
    throw new PasswordMissing("the two passwords differ: run the same command again");
  return first;
}
