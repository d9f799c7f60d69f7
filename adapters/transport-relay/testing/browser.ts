/** A page in Debian's Chromium, running a bundle of ours. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { build } from "vite";

export const CHROMIUM = "/usr/bin/chromium";
export const hasChromium = (): boolean => existsSync(CHROMIUM);

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface OpenPage {
  readonly page: Page;
  /** What the page complained about. */
  readonly complaints: readonly string[];
  /** Of the script, in bytes. */
  readonly scriptBytes: number;
  readonly close: () => Promise<void>;
}

/** Bundles `entry` and opens a page that runs it. */
export async function openPage(entry: string): Promise<OpenPage> {
  const script = await bundle(entry);
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const folder = await mkdtemp(join(tmpdir(), "conclave-browser-"));
  const context = await chromium.launchPersistentContext(folder, { executablePath: CHROMIUM, args: FLAGS });
  const close = async (): Promise<void> => {
    await context.close();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return { page, complaints, scriptBytes: script.length, close };
}

/** One script out of an entry and all that it imports; nothing is written. */
async function bundle(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    envFile: false,
    logLevel: "error",
    build: { write: false, target: "es2023", rollupOptions: { input: entry, output: { codeSplitting: false } } },
  });
  const outputs = Array.isArray(result) ? result : [result];
  for (const output of outputs)
    if ("output" in output)
      for (const file of output.output) if (file.type === "chunk" && file.isEntry) return file.code;
  throw new Error(`${entry} gave no script`);
}
