/** The rules of the house that a machine can keep: who imports whom, what core may not touch, names, lengths, tags, faults. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { folders, importsOf, packageOf, packages, ROOT, sources, type Source } from "./tidy/sources.ts";

const code = sources.filter(({ testing }) => !testing);
const inCore = ({ path }: Source): boolean => path.startsWith("core/");

/** Beside itself, what each core package may import of ours. A package without a row may not exist. */
const CORE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  bytes: [],
  crypto: ["bytes"],
  protocol: ["bytes"],
  keys: ["protocol", "crypto", "bytes"],
  frost: ["keys", "protocol", "crypto", "bytes"],
  dkls23: ["keys", "protocol", "crypto", "bytes"],
  consensus: ["crypto", "bytes"],
  bitcoin: ["crypto", "bytes"],
  custody: ["protocol", "keys", "consensus", "bitcoin", "crypto", "bytes"],
  node: ["custody", "consensus", "bitcoin", "bytes"],
  api: ["bytes"],
  party: ["node", "custody", "keys", "protocol", "consensus", "bitcoin", "crypto", "bytes"],
  relay: ["crypto", "bytes"],
};

/** Ports live in these; an adapter imports nothing else of ours. */
const PORT_PACKAGES = ["node", "custody", "crypto", "consensus", "bitcoin", "bytes", "protocol", "relay"];

/** Longer files are tables or tests; most are half as long. */
const MAX_LINES = 450;

const ours = (specifier: string): string | null =>
  /^@conclave\/(?<name>[a-z0-9-]+)/.exec(specifier)?.groups?.["name"] ?? null;

const violations = (rule: (source: Source) => readonly string[], among: readonly Source[] = code): string[] =>
  among.flatMap((source) => rule(source).map((what) => `${source.path}: ${what}`));

describe("who may import whom", () => {
  test("core packages import only what the architecture allows", () => {
    const found = violations((source) => {
      const own = packageOf(source.path);
      if (own === undefined || !inCore(source)) return [];
      const name = own.dir.split("/")[1]!;
      const allowed = CORE_IMPORTS[name];
      assert.ok(allowed !== undefined, `core/${name} has no row in the table of imports`);
      return importsOf(source)
        .filter((specifier) => ours(specifier) !== null && ours(specifier) !== name)
        .filter((specifier) => !allowed.includes(ours(specifier)!))
        .map((specifier) => `imports ${specifier}`);
    });
    assert.deepEqual(found, []);
  });

  test("adapters import ports and never each other", () => {
    const found = violations((source) => {
      const own = packageOf(source.path);
      if (!source.path.startsWith("adapters/")) return [];
      return importsOf(source)
        .filter((specifier) => ours(specifier) !== null && specifier !== own?.name)
        .filter((specifier) => !PORT_PACKAGES.includes(ours(specifier)!))
        .map((specifier) => `imports ${specifier}`);
    });
    assert.deepEqual(found, []);
  });

  test("the wallet command never loads the daemon, nor core a node or browser module", () => {
    const found = violations((source) => {
      const daemon = source.path.startsWith("apps/cli/") ? /^@conclave\/daemon|apps\/node|\.\.\/\.\.\/node/ : null;
      const platform = inCore(source) ? /^node:/ : null;
      return importsOf(source).filter(
        (specifier) => daemon?.test(specifier) === true || platform?.test(specifier) === true,
      );
    });
    assert.deepEqual(found, []);
  });

  test("packages meet through their entry points", () => {
    const found = violations(
      (source) =>
        importsOf(source).filter((specifier) => {
          if (/^@conclave\/[^/]+\/(?!testing$)/.test(specifier)) return true;
          if (!specifier.startsWith(".")) return false;
          const target = join("/", source.path, "..", specifier).slice(1);
          const own = packageOf(source.path);
          return own !== undefined && !target.startsWith(`${own.dir}/`);
        }),
      sources.filter(({ path }) => !path.includes("/testing/") && !path.endsWith(".test.ts")),
    );
    assert.deepEqual(found, []);
  });

  test("testing kits are imported by tests, benchmarks and scripts only", () => {
    assert.deepEqual(
      violations(
        (source) => importsOf(source).filter((specifier) => /\/testing(?:\/|$)/.test(specifier)),
        code.filter(({ path }) => !path.startsWith("bench/") && !path.startsWith("scripts/")),
      ),
      [],
    );
  });
});

describe("packages", () => {
  test("a package exists only if it has code", () => {
    for (const { dir } of packages)
      assert.ok(
        code.some(({ path }) => path.startsWith(`${dir}/`)),
        `${dir} is empty`,
      );
  });

  test("each names exactly what it imports, at exact versions", () => {
    for (const { dir, name, manifest } of packages) {
      const imported = new Set(
        code
          .filter(({ path }) => path.startsWith(`${dir}/`))
          .flatMap(importsOf)
          .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
          .map((specifier) =>
            specifier
              .split("/")
              .slice(0, specifier.startsWith("@") ? 2 : 1)
              .join("/"),
          )
          .filter((specifier) => specifier !== name),
      );
      assert.deepEqual(Object.keys(manifest.dependencies ?? {}).toSorted(), [...imported].toSorted(), dir);
      for (const [dependency, version] of Object.entries(manifest.dependencies ?? {})) {
        assert.match(version, /^\d+\.\d+\.\d+(?:-[\w.]+)?$/, `${dir} pins ${dependency}`);
      }
    }
  });

  test("the root pins its tools exactly", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<
      string,
      Record<string, string>
    >;
    for (const group of ["devDependencies", "optionalDependencies"]) {
      for (const [name, version] of Object.entries(manifest[group] ?? {}))
        assert.match(version, /^\d+\.\d+\.\d+$/, name);
    }
  });
});

describe("core is pure", () => {
  test("it takes no time and no randomness but what it is given", () => {
    const banned = /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.|\bglobalThis\b|\beval\(/;
    assert.deepEqual(
      violations(({ text }) => (banned.test(text) ? [banned.exec(text)![0]] : []), code.filter(inCore)),
      [],
    );
  });
});

describe("hashing", () => {
  test("every transcript tag is used in one place", () => {
    const places = new Map<string, string[]>();
    for (const { path, text } of code) {
      for (const { groups } of text.matchAll(/\btranscript(?:Scalar|Bytes)?\(\s*(?:group,\s*)?"(?<tag>[^"]+)"/g)) {
        places.set(groups!["tag"]!, [...(places.get(groups!["tag"]!) ?? []), path]);
      }
    }
    assert.ok(places.size > 20, "the search for tags finds tags");
    assert.deepEqual(
      [...places].filter(([, paths]) => paths.length > 1),
      [],
    );
  });

  test("core hashes through the transcript; where a standard names the hash, the file says which standard", () => {
    const found = violations(
      ({ path, text }) =>
        /@noble\/hashes\/sha2/.test(text) && !/RFC|BIP|SEC |FIPS|double SHA/.test(text) ? [path] : [],
      code.filter((source) => inCore(source) && !source.path.startsWith("core/bytes/")),
    );
    assert.deepEqual(found, []);
  });
});

describe("how it reads", () => {
  test("no folder or file is a drawer", () => {
    const drawer = /(?:^|\/)(?:utils?|common|helpers?|shared|types|misc)(?:\.ts)?$/;
    assert.deepEqual(
      [...folders, ...sources.map(({ path }) => path)].filter((path) => drawer.test(path)),
      [],
    );
  });

  test("no file is too long to read", () => {
    const written = code.filter(({ path }) => !path.endsWith(".wasm.ts"));
    const long = written.filter(({ text }) => text.split("\n").length > MAX_LINES).map(({ path }) => path);
    assert.deepEqual(long, []);
  });

  test("nothing is left for later, switched off, or let through", () => {
    const marks =
      /\b(?:TODO|FIXME|XXX|HACK)\b|\.only\(|\.skip\(|\.todo\(|@ts-(?:ignore|nocheck|expect-error)|eslint-disable|oxlint-disable|\bas any\b/;
    const found = violations(
      ({ text }) => (marks.test(text) ? [marks.exec(text)![0]] : []),
      sources.filter(({ path }) => path !== "scripts/tidy.test.ts"),
    );
    assert.deepEqual(found, []);
  });

  test("every package's entry point exports by name", () => {
    const found = violations(({ path, text }) =>
      path.endsWith("/index.ts") && /export \*/.test(text) ? ["export *"] : [],
    );
    assert.deepEqual(found, []);
  });
});

describe("faults", () => {
  /** The texts of `new Fault(kind, text)` in a package. */
  const faultsOf = (dir: string): readonly string[] =>
    code
      .filter(({ path }) => path.startsWith(`${dir}/`))
      .flatMap(({ text }) => [
        ...text.matchAll(/new Fault\(\s*"[a-z]+",\s*(?:"(?<plain>[^"]+)"|`(?<template>[^`]+)`)/g),
      ])
      .map(({ groups }) => groups!["plain"] ?? groups!["template"]!.split("${")[0]!);

  test("every fault of a protocol has a party that cheats its way into it", () => {
    for (const { dir } of packages) {
      const faults = faultsOf(dir);
      const cheats = sources.filter(({ path }) => path.startsWith(`${dir}/`) && /cheating[^/]*\.test\.ts$/.test(path));
      const tested = cheats.map(({ text }) => text).join("\n");
      for (const fault of faults) {
        if (dir === "core/protocol") continue;
        assert.ok(tested.includes(fault), `${dir}: no cheating test mentions the fault "${fault}"`);
      }
    }
  });
});
