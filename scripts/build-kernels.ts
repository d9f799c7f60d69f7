/**
 * `npm run build:kernels`: compile the AssemblyScript kernels of `adapters/engine-wasm` into the modules that it loads.
 * With `--check`: compile, and fail if a checked-in module is not what its source compiles to.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const ADAPTER = join(ROOT, "adapters", "engine-wasm");
const KERNELS = ["secp256k1", "ot"] as const;
const CHARACTERS_PER_LINE = 116;

/** A kernel's generator, if it has one: source files by name, for code that is nothing but unrolled loops. */
interface Generator {
  readonly files: () => Readonly<Record<string, string>>;
}

async function compile(kernel: string): Promise<Uint8Array> {
  const build = mkdtempSync(join(tmpdir(), "conclave-kernel-"));
  try {
    cpSync(join(ADAPTER, "assembly", kernel), build, { recursive: true });
    const generator = join(ADAPTER, "assembly", kernel, "generate.ts");
    if (existsSync(generator)) {
      const { files } = (await import(generator)) as Generator;
      for (const [name, text] of Object.entries(files())) writeFileSync(join(build, name), text);
    }
    const options = ["-O3", "--runtime", "stub", "--enable", "simd", "--noAssert", "--use", "abort="];
    const command = [join(build, "index.ts"), "-o", join(build, "kernel.wasm"), ...options];
    const { status, stderr } = spawnSync(join(ROOT, "node_modules", ".bin", "asc"), command, { encoding: "utf8" });
    if (status !== 0) throw new Error(`the ${kernel} kernel does not compile:\n${stderr}`);
    return readFileSync(join(build, "kernel.wasm"));
  } finally {
    rmSync(build, { recursive: true, force: true });
  }
}

function moduleOf(kernel: string, wasm: Uint8Array): string {
  const lines =
    Buffer.from(wasm)
      .toString("base64")
      .match(new RegExp(`.{1,${CHARACTERS_PER_LINE}}`, "g")) ?? [];
  return [
    `/** Compiled from \`assembly/${kernel}\` by \`npm run build:kernels\`: ${wasm.length} bytes of WASM. Not edited by hand. */`,
    `export const ${kernel.toUpperCase()}_WASM_BASE64 = \``,
    ...lines,
    "`;",
    "",
  ].join("\n");
}

const check = process.argv.includes("--check");
const only = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
for (const kernel of KERNELS.filter((name) => only.length === 0 || only.includes(name))) {
  const path = join(ADAPTER, `${kernel}.wasm.ts`);
  const text = moduleOf(kernel, await compile(kernel));
  if (!check) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${kernel}.wasm.ts is not what its source compiles to: run npm run build:kernels`);
    process.exitCode = 1;
  }
}
