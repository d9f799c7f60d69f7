/** Where the password of a party's data comes from: a file, or a prompt. Never a flag itself, which others could read. */
import { readFileSync, statSync } from "node:fs";
import { CommandError, EXIT, usageError } from "./exit.ts";

const GROUP_AND_OTHERS = 0o077;

/** `isNew`: it is typed twice, since nobody can tell it to us again. Throws `CommandError` saying how to give one. */
export async function readPassword(file: string | null, { isNew }: { readonly isNew: boolean }): Promise<string> {
  if (file !== null) return fromFile(file);
  if (!process.stdin.isTTY)
    throw usageError(
      "Give the password of this party's data with --password-file FILE or CONCLAVE_PASSWORD_FILE: there is no terminal to ask at.",
    );
  const { password } = await import("@clack/prompts");
  const typed = await asked(
    password({ message: isNew ? "Choose a password for this party's data" : "Password of this party's data" }),
  );
  if (isNew && (await asked(password({ message: "The same again" }))) !== typed)
    throw usageError("The two passwords differ: run the command again.");
  if (typed === "") throw usageError("A password is not empty: run the command again.");
  return typed;
}

async function asked(answer: Promise<string | symbol>): Promise<string> {
  const typed = await answer;
  if (typeof typed === "string") return typed;
  throw new CommandError(EXIT.interrupted, "closed", "No password was given.");
}

function fromFile(file: string): string {
  const password = readPrivate(file).replace(/\r?\n$/, "");
  if (password === "") throw usageError(`The password file ${file} is empty.`);
  return password;
}

function readPrivate(file: string): string {
  try {
    if ((statSync(file).mode & GROUP_AND_OTHERS) === 0) return readFileSync(file, "utf8");
  } catch (cause) {
    throw usageError(`The password file ${file} cannot be read: ${(cause as Error).message}.`, { cause });
  }
  throw usageError(`Others can read the password file ${file}: run chmod 600 ${file}.`);
}
