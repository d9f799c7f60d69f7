/** Who may read and change the node's files: the node's own account, and nobody else. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { failed, ok, type Finding } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** Faults that are told one by one; more are counted. */
const MAX_TOLD = 5;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** What others may read: cards and signatures are sent to them, certificates are shown to everybody who connects. */
const PUBLIC = /^public(?:\/|$)|^certificates\/[^/]+\.(?:crt|csr)$/;

interface Fault {
  readonly path: string;
  readonly what: string;
  readonly command: string;
}

export function files({ node: { folder } }: Patient): readonly Finding[] {
  const { root } = folder;
  const owner = lstatSync(root, { throwIfNoEntry: false })?.uid;
  if (owner === undefined) return [failed("files", `${root} is not there`, "put the node's folder back where it was")];
  const paths = ["", ...readdirSync(root, { recursive: true, encoding: "utf8" })];
  const faults = paths.flatMap((path) => faultsOf(root, path, owner));
  if (faults.length === 0)
    return [
      ok("files", `${paths.length} files and folders in ${root}, all of one account, none open to others`),
      account(owner),
    ];
  const told = faults.slice(0, MAX_TOLD).map(({ path, what, command }) => failed("files", `${path} ${what}`, command));
  if (faults.length <= MAX_TOLD) return [...told, account(owner)];
  return [
    ...told,
    failed("files", `${faults.length - MAX_TOLD} more are wrong`, `chmod -R go= ${JSON.stringify(root)}`),
    account(owner),
  ];
}

function faultsOf(root: string, path: string, owner: number): readonly Fault[] {
  const full = join(root, path);
  // A file that went meanwhile is a running node's.
  const stats = lstatSync(full, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  const quoted = JSON.stringify(full);
  if (stats.isSymbolicLink())
    return [
      { path: full, what: "is a link, and leads to where nobody looks", command: `put the real file at ${quoted}` },
    ];
  const mode = (stats.mode & 0o777).toString(8).padStart(3, "0");
  const wrong = PUBLIC.test(path) ? OTHERS_WRITE : OTHERS;
  const right = stats.isDirectory() ? "700" : "600";
  return [
    ...((stats.mode & wrong) === 0
      ? []
      : [
          {
            path: full,
            what: `is open to other accounts (mode ${mode})`,
            command: `chmod ${PUBLIC.test(path) ? "go-w" : right} ${quoted}`,
          },
        ]),
    ...(stats.uid === owner
      ? []
      : [
          {
            path: full,
            what: `belongs to account ${stats.uid}, the folder to ${owner}`,
            command: `chown ${owner} ${quoted}`,
          },
        ]),
  ];
}

/** Files that a doctor of another account leaves behind would be the node's next trouble. */
function account(owner: number): Finding {
  const own = process.getuid?.();
  return own === undefined || own === owner
    ? ok("account", "this is the node's own account")
    : failed(
        "account",
        `this account is ${own}, the node's is ${owner}`,
        "run the command as the node's account: sudo -u",
      );
}
