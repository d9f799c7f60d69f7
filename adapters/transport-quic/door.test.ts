/** Addresses, who is let to the door, what is reported of it, and what a registry accepts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { randomBytes } from "node:crypto";
import { parseAddress, printAddress } from "./address.ts";
import { Admission } from "./admission.ts";
import { MAX_REPORTS_PER_MINUTE, MAX_UNPROVEN, MAX_UNPROVEN_PER_ADDRESS } from "./limits.ts";
import { PeerRegistry } from "./peer-registry.ts";
import { closeReason } from "./refusal.ts";
import { Reports, type Report } from "./reports.ts";
import { makeCluster, openNode, peersOf, idOf } from "./testing/cluster.ts";

describe("addresses", () => {
  it("are read and printed alike", () => {
    for (const text of ["127.0.0.1:9000", "node-1.example:0", "[::1]:65535"])
      assert.equal(printAddress(parseAddress(text)), text);
  });
  it("are refused when they are none", () => {
    for (const text of ["", "127.0.0.1", ":9000", "::1:9000", "a:b", "[1.2.3.4]:1", "a:65536", "a:1:2", "[::1]"])
      assert.throws(() => parseAddress(text), RangeError, text);
  });
});

describe("the door", () => {
  it("holds so many of one address, and so many in all, and has room again when somebody leaves", () => {
    const door = new Admission();
    const inside = Array.from({ length: MAX_UNPROVEN_PER_ADDRESS }, () => door.enter("here"));
    const refused = door.enter("here");
    assert("full" in refused && /connections from there/.test(refused.full));
    for (let n = door.count; n < MAX_UNPROVEN; n++) assert("leave" in door.enter(`address ${n}`));
    const full = door.enter("elsewhere");
    assert("full" in full && full.full.startsWith(`${MAX_UNPROVEN} connections`));
    const [first] = inside;
    assert(first !== undefined && "leave" in first);
    first.leave();
    first.leave();
    assert.equal(door.count, MAX_UNPROVEN - 1);
    assert("leave" in door.enter("here"));
    assert("full" in door.enter("here"));
  });

  it("reports so many refusals a minute, and how many it did not", () => {
    let nowMs = 0;
    const told: Report[] = [];
    const clock = { nowMs: () => nowMs, schedule: () => ({ cancel: () => {} }) };
    const reports = new Reports(clock, (report) => told.push(report));
    for (let n = 0; n < MAX_REPORTS_PER_MINUTE + 7; n++) reports.refused("there", "why");
    assert.equal(told.length, MAX_REPORTS_PER_MINUTE);
    nowMs = 60_000;
    reports.refused("there", "again");
    assert.deepEqual(told.at(-1), { address: "there", reason: "again", unreported: 7 });
  });

  it("passes on no text of the other end's", () => {
    assert.equal(
      closeReason({ errorCode: 999, reason: "\u001b[2Jpwned" }, "its"),
      "the connection was closed with error 999",
    );
  });
});

describe("a registry", () => {
  const peer = (name: string) => ({ name, address: "127.0.0.1:1", tlsKey: new Uint8Array(randomBytes(91)) });
  it("refuses two nodes with one name or one key, and addresses that are none", () => {
    const one = peer("one");
    assert.throws(
      () =>
        new PeerRegistry(
          "self",
          new Map([
            [idOf(1), one],
            [idOf(2), { ...peer("one") }],
          ]),
        ),
      /share a name/,
    );
    assert.throws(() => new PeerRegistry("one", new Map([[idOf(1), one]])), /share a name/);
    assert.throws(
      () =>
        new PeerRegistry(
          "self",
          new Map([
            [idOf(1), one],
            [idOf(2), { ...one, name: "two" }],
          ]),
        ),
      /share a TLS key/,
    );
    assert.throws(
      () => new PeerRegistry("self", new Map([[idOf(1), { ...one, address: "nowhere" }]])),
      /is no address/,
    );
    assert.throws(() => new PeerRegistry("self", new Map()).of(idOf(1)), RangeError);
  });
});

describe("a transport", () => {
  it("falls back to TLS where there is no QUIC, says why, and does not where it must not", async () => {
    const cluster = await makeCluster(2);
    const [first] = cluster.nodes;
    const library = () => Promise.reject(new Error("no binary for this platform"));
    const handler = { frame: () => {}, link: () => {} };
    const open = await openNode(first!, "auto", peersOf(first!, cluster.nodes), { library });
    await open.transport.start(handler);
    const [fallback, listening] = open.events;
    assert(fallback?.kind === "fallback" && fallback.reason.includes("no binary for this platform"));
    assert(listening?.kind === "listening" && listening.mode === "tls");
    await open.transport.close();
    const strict = await openNode(first!, "quic", peersOf(first!, cluster.nodes), { library });
    await assert.rejects(strict.transport.start(handler), /there is no QUIC on this machine: no binary.*--tls/);
    await strict.transport.close();
    const usual = await openNode(first!, "auto", peersOf(first!, cluster.nodes));
    await usual.transport.start(handler);
    assert.equal(usual.events[0]?.kind === "listening" && usual.events[0].mode, "quic");
    await usual.transport.close();
    cluster.dispose();
  });
});
