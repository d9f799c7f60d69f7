import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { nodeEngine } from "@conclave/engine-node";
import { FLAG_MAILBOX, FLAG_ONE_RECEIVER, Mailroom } from "@conclave/relay";
import { questionFor } from "@conclave/relay/testing";
import { pino } from "pino";
import { nowMs } from "./hub.ts";
import { InUse, WrongUsage } from "./index.ts";
import { Journal, type JournalParts } from "./journal.ts";
import { FIRST_LINE, RECORD_OVERHEAD_BYTES } from "./records.ts";
import { letter, metric, post, startAnywhere, TestClient, until } from "./testing/client.ts";

const PARTS: JournalParts = { log: pino({ level: "silent" }), failed: () => {} };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "conclave-relay-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const untilSecond = (seconds: number): number => Math.ceil(nowMs() / 1_000 + seconds);

/** What a relay finds in a file after a restart. */
function found(file: string, atMs = nowMs()): readonly Uint8Array[] {
  const mailroom = new Mailroom({ engine: nodeEngine });
  const journal = new Journal(file, PARTS);
  journal.load(mailroom, atMs);
  journal.close();
  return [...mailroom.kept()].map(({ bytes }) => bytes);
}

/** A journal with three messages. */
function written(file: string): readonly Uint8Array[] {
  const messages = [1, 2, 3].map((tag) => letter({ tag, payload: new Uint8Array(20 * tag).fill(tag) }));
  const journal = new Journal(file, PARTS);
  for (const message of messages) journal.keep(message, untilSecond(60));
  journal.close();
  return messages;
}

describe("the messages of a relay", () => {
  test("outlive it, and those that were delivered for good do not come back", async (t) => {
    const persist = join(folder(t), "messages");
    const before = await startAnywhere({ persist });
    const mail = [1, 2, 3].map((text) => letter({ flags: FLAG_MAILBOX, payload: Uint8Array.of(text) }));
    const single = letter({ tag: 2 });
    const once = [3, 4].map((tag) => letter({ tag, flags: FLAG_ONE_RECEIVER }));
    for (const message of [...mail, single, ...once]) assert.equal((await post(before.url, message)).status, 201);
    const reader = await TestClient.open(before.url);
    reader.send(questionFor(once[0]!));
    await reader.messages(1);
    await before.close();
    const after = await startAnywhere({ persist });
    t.after(() => after.close());
    assert.equal(after.stats().messages, 5);
    const again = await TestClient.open(after.url);
    again.send(questionFor(mail[0]!, 60, FLAG_MAILBOX));
    again.send(questionFor(single));
    again.send(questionFor(once[0]!));
    again.send(questionFor(once[1]!));
    assert.deepEqual(
      await again.messages(5),
      [...mail, single, once[1]!].map((bytes) => Buffer.from(bytes)),
    );
    again.end();
  });

  test("are read by nobody but their owner", (t) => {
    const file = join(folder(t), "messages");
    writeFileSync(file, "", { mode: 0o644 });
    written(file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test("whose time is over are not restored", (t) => {
    const file = join(folder(t), "messages");
    const journal = new Journal(file, PARTS);
    journal.keep(letter({ tag: 1 }), untilSecond(5));
    journal.keep(letter({ tag: 2 }), untilSecond(50));
    journal.close();
    assert.deepEqual(found(file, nowMs() + 10_000), [letter({ tag: 2 })]);
  });

  test("that a crash tore anywhere cost what was torn and nothing else", (t) => {
    const dir = folder(t);
    const whole = join(dir, "whole");
    const messages = written(whole);
    const length = statSync(whole).size;
    const ends = [FIRST_LINE.length];
    for (const message of messages) ends.push(ends.at(-1)! + RECORD_OVERHEAD_BYTES + message.length);
    assert.equal(ends.at(-1), length);
    for (let cut = 0; cut <= length; cut += cut < FIRST_LINE.length ? 1 : 7) {
      const file = join(dir, "torn");
      copyFileSync(whole, file);
      truncateSync(file, cut);
      const complete = Math.max(0, ends.filter((end) => end <= cut).length - 1);
      assert.deepEqual(found(file), messages.slice(0, complete), `cut at ${cut}`);
      const journal = new Journal(file, PARTS);
      journal.load(new Mailroom({ engine: nodeEngine }), nowMs());
      journal.keep(letter({ tag: 9 }), untilSecond(60));
      journal.close();
      assert.deepEqual(found(file), [...messages.slice(0, complete), letter({ tag: 9 })], "it goes on behind the cut");
    }
  });

  test("that were damaged are not believed, at any byte", (t) => {
    const dir = folder(t);
    const whole = join(dir, "whole");
    const messages = written(whole);
    const bytes = readFileSync(whole);
    for (let at = FIRST_LINE.length; at < bytes.length; at += 5) {
      const file = join(dir, "damaged");
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x10;
      writeFileSync(file, damaged);
      const left = found(file);
      assert.ok(left.length < messages.length, `byte ${at}`);
      assert.deepEqual(left, messages.slice(0, left.length));
    }
  });

  test("take no more room than twice what is kept", (t) => {
    const file = join(folder(t), "messages");
    const mailroom = new Mailroom({ engine: nodeEngine });
    const journal = new Journal(file, { ...PARTS, slackBytes: 1_000 });
    const [author, reader] = [1, 2].map(() => mailroom.connect({ source: "", peer: false }));
    const write = (from: number, bytes: Uint8Array): void => {
      for (const effect of mailroom.frame(from, bytes, nowMs()).effects) {
        if (effect.kind === "keep") journal.keep(effect.bytes, effect.untilSecond);
        if (effect.kind === "forget") journal.forget(effect.signature);
      }
      journal.tidy(mailroom);
    };
    write(author!, letter({ tag: 1_000 }));
    for (let tag = 0; tag < 50; tag++) {
      const message = letter({ tag, flags: FLAG_ONE_RECEIVER });
      write(author!, message);
      write(reader!, questionFor(message));
      assert.ok(statSync(file).size < 2_000);
    }
    journal.close();
    assert.deepEqual(found(file), [letter({ tag: 1_000 })]);
  });
});

describe("a journal", () => {
  test("belongs to one relay at a time", async (t) => {
    const persist = join(folder(t), "messages");
    const relay = await startAnywhere({ persist });
    await assert.rejects(startAnywhere({ persist }), (error) => {
      assert.ok(error instanceof InUse);
      assert.match(error.message, /another relay keeps its messages in .*: stop it first/);
      return true;
    });
    await relay.close();
    await (await startAnywhere({ persist })).close();
  });

  test("is never made over another file", async (t) => {
    const persist = join(folder(t), "letters.txt");
    writeFileSync(persist, "Dear diary");
    await assert.rejects(startAnywhere({ persist }), (error) => {
      assert.ok(error instanceof WrongUsage);
      assert.match(error.message, /letters\.txt is no journal of a relay and is left alone/);
      return true;
    });
    assert.equal(readFileSync(persist, "utf8"), "Dear diary");
  });

  test("that cannot be opened is named", async (t) => {
    const dir = folder(t);
    for (const persist of [dir, join(dir, "no", "such", "folder")])
      await assert.rejects(startAnywhere({ persist }), /cannot be opened .*choose another file with --persist/);
  });

  test("that cannot be written is reported, and written anew as soon as it can", (t) => {
    const file = join(folder(t), "messages");
    let failures = 0;
    const mailroom = new Mailroom({ engine: nodeEngine });
    const author = mailroom.connect({ source: "", peer: false });
    const journal = new Journal(file, { ...PARTS, failed: () => (failures += 1), retryMs: 0, slackBytes: 100 });
    const publish = (tag: number): void => {
      for (const effect of mailroom.publish(author, letter({ tag }), nowMs()).effects)
        if (effect.kind === "keep") journal.keep(effect.bytes, effect.untilSecond);
    };
    publish(1);
    for (let i = 0; i < 9; i++) journal.forget("00".repeat(64));
    // Something is in the way of the new file.
    mkdirSync(`${file}.new`);
    journal.tidy(mailroom);
    assert.match(journal.trouble!, /not written to disk .* Make room or mend the disk/);
    publish(2);
    assert.equal(failures, 1);
    rmdirSync(`${file}.new`);
    journal.tidy(mailroom);
    assert.equal(journal.trouble, null);
    publish(3);
    journal.close();
    assert.deepEqual(
      found(file),
      [1, 2, 3].map((tag) => letter({ tag })),
    );
  });

  test("that cannot be written makes the relay's health say so", async (t) => {
    const persist = join(folder(t), "messages");
    const relay = await startAnywhere({ persist });
    t.after(() => relay.close());
    // The file is full of what is dead, and something is in the way of a new one.
    mkdirSync(`${persist}.new`);
    const stuffing = Array.from({ length: 9 }, (_, tag) =>
      letter({ tag, flags: FLAG_ONE_RECEIVER, payload: new Uint8Array(1 << 20) }),
    );
    const reader = await TestClient.open(relay.url);
    for (const message of stuffing) {
      await post(relay.url, message);
      reader.send(questionFor(message));
    }
    await reader.messages(stuffing.length);
    let health: unknown;
    await until(async () => {
      health = await (await fetch(`${relay.url}/health`)).json();
      return JSON.stringify(health).includes("degraded");
    }, "the relay says that it is not well");
    assert.match(JSON.stringify(health), /not written to disk/);
    assert.equal(await metric(relay.url, "journal_errors_total"), 1);
    assert.equal((await post(relay.url, letter({ tag: 77 }))).status, 201, "messages pass all the same");
    reader.end();
  });
});
