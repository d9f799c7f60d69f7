/** The tree as the tidy test sees it. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

/** Where our code is. */
const TOP = ["core", "adapters", "apps", "bench", "scripts", "bin"];
const SKIPPED = new Set(["node_modules", ".git", ".conclave", "vectors"]);

export interface Source {
  /** Path from the root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** Tests and testing kits: held to fewer rules. */
  readonly testing: boolean;
}

function* walk(dir: string): Generator<string> {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else yield path;
  }
}

/** Every TypeScript file of ours. */
export const sources: readonly Source[] = TOP.flatMap((top) => [...walk(join(ROOT, top))])
  .filter((path) => /\.(?:ts|tsx|js)$/.test(path))
  .map((path) => {
    const name = relative(ROOT, path).replaceAll("\\", "/");
    const testing = /\.(?:test|long)\.ts$/.test(name) || /\/testing\//.test(name);
    return { path: name, text: readFileSync(path, "utf8"), testing };
  });

/** Folders of ours, from the root. */
export const folders: readonly string[] = [...new Set(sources.map(({ path }) => path.slice(0, path.lastIndexOf("/"))))];

const IMPORT =
  /^(?:import|export)\s[^;]*?from\s+"(?<from>[^"]+)";|^import\s+"(?<bare>[^"]+)";|\bimport\("(?<lazy>[^"]+)"\)/gms;

/** What a file imports. */
export function importsOf({ text }: Source): readonly string[] {
  return [...text.matchAll(IMPORT)].map(({ groups }) => (groups?.["from"] ?? groups?.["bare"] ?? groups?.["lazy"])!);
}

export interface Package {
  /** `core/keys`. */
  readonly dir: string;
  /** `@conclave/keys`. */
  readonly name: string;
  readonly manifest: {
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
  };
}

export const packages: readonly Package[] = ["core", "adapters", "apps"].flatMap((top) =>
  readdirSync(join(ROOT, top), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "node_modules")
    .map(({ name }) => {
      const dir = `${top}/${name}`;
      const manifest = JSON.parse(readFileSync(join(ROOT, dir, "package.json"), "utf8")) as Package["manifest"] & {
        name: string;
      };
      return { dir, name: manifest.name, manifest };
    }),
);

export const packageOf = (path: string): Package | undefined => packages.find(({ dir }) => path.startsWith(`${dir}/`));
