import { readFileSync } from "node:fs";
import { join } from "node:path";

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8")) as {
  readonly version: string;
};

/** Version of this software, as its package says. */
export const VERSION: string = manifest.version;
