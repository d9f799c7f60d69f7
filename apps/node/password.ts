/** Where a node's vault password comes from: a file that a flag or the environment names, or a prompt. Never a flag itself. */
import { readFileSync, statSync } from "node:fs";

/** There is no password to be had. The message says how to give one. */
export class PasswordMissing extends Error {
  override readonly name = "PasswordMissing";
}

export async function readPassword(flag: string | undefined): Promise<string> {
  const file = flag ?? process.env["CONCLAVE_PASSWORD_FILE"];
  if (file !== undefined) return fromFile(file);
  if (!process.stdin.isTTY) {
    throw new PasswordMissing(
      "give the vault's password with --password-file FILE or CONCLAVE_PASSWORD_FILE: there is no terminal to ask at",
    );
  }
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message: "Password of this node's vault" });
  if (isCancel(answer)) throw new PasswordMissing("no password was given");
  return answer;
}

function fromFile(file: string): string {
  let text: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw new PasswordMissing(`others can read ${file}: run chmod 600 ${file}`);
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof PasswordMissing) throw cause;
    throw new PasswordMissing(`cannot read the password file ${file}`, { cause });
  }
  const password = text.replace(/\r?\n$/, "");
  if (password === "") throw new PasswordMissing(`the password file ${file} is empty`);
  return password;
}
