/** The command in processes of its own: start, stop, kill -9, exit codes. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, test } from "node:test";
import { FLAG_MAILBOX } from "@conclave/relay";
import { questionFor } from "@conclave/relay/testing";
import { letter, post, TestClient } from "./testing/client.ts";

const folder = mkdtempSync(join(tmpdir(), "conclave-relay-"));
after(() => rmSync(folder, { recursive: true }));

const ENTRY = `import { main } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))}; process.exitCode = await main(process.argv.slice(1));`;

function run(flags: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const { LISTEN: _, PEER: __, LOG_LEVEL: ___, RUST_LOG: ____, ...inherited } = process.env;
  return spawn(process.execPath, ["--input-type=module", "--eval", ENTRY, "--", ...flags], {
    env: { ...inherited, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs to its end. */
async function ended(child: ChildProcess): Promise<{ readonly code: number | null; readonly said: string }> {
  let said = "";
  child.stderr!.on("data", (text) => (said += String(text)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

async function listening(child: ChildProcess): Promise<readonly string[]> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const { urls } = JSON.parse(line) as { readonly urls?: readonly string[] };
    if (urls !== undefined) return urls;
  }
  throw new Error("the relay ended before it listened");
}

const ANYWHERE = ["--listen", "127.0.0.1:0"] as const;

describe("conclave relay", () => {
  test("keeps messages over kill -9, and ends with 0 on SIGTERM while clients hang on", async () => {
    const flags = [...ANYWHERE, "--persist", join(folder, "messages")];
    const first = run(flags);
    const [url] = await listening(first);
    const mail = Array.from({ length: 20 }, (_, i) => letter({ flags: FLAG_MAILBOX, payload: Uint8Array.of(i) }));
    for (const message of mail) assert.equal((await post(url!, message)).status, 201);
    first.kill("SIGKILL");
    await once(first, "close");
    const second = run(flags);
    const [again] = await listening(second);
    const reader = await TestClient.open(again!);
    reader.send(questionFor(mail[0]!, 60, FLAG_MAILBOX));
    assert.deepEqual(
      await reader.messages(20),
      mail.map((bytes) => Buffer.from(bytes)),
    );
    const waiting = fetch(`${again}/v1/msg/${"ab".repeat(32)}?wait=60`);
    await reader.settled();
    second.kill("SIGTERM");
    const end = ended(second);
    assert.deepEqual(await reader.closed, { code: 1001, reason: "the relay stops" });
    await waiting.catch(() => null);
    assert.equal((await end).code, 0);
  });

  test("listens at several addresses, from flags or the environment", async () => {
    const child = run([], { LISTEN: "127.0.0.1:0,127.0.0.1:0", RUST_LOG: "msg_relay=debug,info" });
    const urls = await listening(child);
    assert.equal(urls.length, 2);
    for (const url of urls) assert.equal(await (await fetch(url)).text(), "ok");
    await post(urls[0]!, letter());
    const stats = (await (await fetch(`${urls[1]}/v1/msg-stats`)).json()) as { readonly messages: number };
    assert.equal(stats.messages, 1, "one relay behind both");
    child.kill("SIGINT");
    assert.equal((await ended(child)).code, 0);
  });

  test("says which port is taken, with the code for trying later", async (t) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const { code, said } = await ended(run(["--listen", `127.0.0.1:${address.port}`]));
    assert.equal(code, 75);
    assert.match(said, new RegExp(`127\\.0\\.0\\.1:${address.port} is taken.*choose another address with --listen`));
  });

  test("says what is wrong with an address that is not this machine's", async () => {
    const { code, said } = await ended(run(["--listen", "192.0.2.1:8080"]));
    assert.equal(code, 2);
    assert.match(said, /192\.0\.2\.1 is no address of this machine/);
  });
});
