/** Operators on machines of their own: each has a node's folder and an inbox, and runs the real command on nothing else. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { run } from "../../../up/testing/command.ts";

export interface Operator {
  readonly name: string;
  /** The node's folder. */
  readonly dir: string;
  readonly password: string;
  /** A file in the node's public folder. */
  readonly shows: (file: string) => string;
  /** What others sent, by kind: `card`, `signature`, `charter`. */
  readonly received: (kind: string) => readonly string[];
  /** Take what another one shows. */
  readonly receive: (file: string) => string;
}

/** A folder of a test's own. */
export function temporary(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "conclave-init-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function operatorAt(machines: string, name: string): Operator {
  const machine = join(machines, `${name}-machine`);
  const [dir, inbox] = [join(machine, name), join(machine, "inbox")];
  const password = `the password of ${name}`;
  mkdirSync(inbox, { recursive: true });
  writeFileSync(join(machine, "password"), `${password}\n`, { mode: 0o600 });
  return {
    name,
    dir,
    password: join(machine, "password"),
    shows: (file) => join(dir, "public", file),
    received: (kind) =>
      readdirSync(inbox)
        .filter((file) => file.endsWith(`.${kind}`))
        .map((file) => join(inbox, file)),
    receive(file) {
      const copy = join(inbox, basename(file));
      copyFileSync(file, copy);
      return copy;
    },
  };
}

/** Everybody sends everybody else a file of this kind. */
export function exchange(operators: readonly Operator[], kind: string): void {
  for (const { name, shows } of operators)
    for (const other of operators) if (other.name !== name) other.receive(shows(`${name}.${kind}`));
}

/** Runs `conclave` and returns what it printed. Throws unless it ends with 0. */
export async function conclave(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  assert.equal(code, 0, `conclave ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}
