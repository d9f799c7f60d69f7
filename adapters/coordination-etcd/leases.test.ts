/** Statements share leases, which last as long as a topic is open and not longer than a day. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Clock } from "@conclave/node";
import { revokeLease } from "./calls.ts";
import { systemClock } from "./clock.ts";
import { EtcdGateway } from "./gateway.ts";
import { Endpoint } from "./http.ts";
import { StatementLeases } from "./leases.ts";
import { LEASE_SHARED_MS, STATEMENT_LIFE_MS, STATEMENT_TTL_S } from "./limits.ts";
import { startFakeEtcd, type FakeEtcd } from "./testing/fake-etcd.ts";

describe("leases of statements", () => {
  let etcd: FakeEtcd;
  let gateway: EtcdGateway;
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, schedule: (delayMs, fire) => systemClock.schedule(delayMs, fire) };

  before(async () => {
    etcd = await startFakeEtcd();
    const endpoints = [new Endpoint(new URL(etcd.url), {}, systemClock)];
    gateway = new EtcdGateway({ endpoints, deadlineMs: 5_000, answered: () => {}, lied: () => {} });
  });
  after(async () => {
    gateway.close();
    await etcd.close();
  });

  test("are shared for some minutes, also by those who ask at once", async () => {
    const leases = new StatementLeases(gateway, clock);
    const [first, second] = await Promise.all([leases.current(), leases.current()]);
    assert.equal(first, second);
    nowMs += LEASE_SHARED_MS - 1;
    assert.equal(await leases.current(), first);
    nowMs += 1;
    assert.notEqual((await leases.current()).id, first.id);
  });

  test("are renewed in time while a topic of theirs is open, and not when none is", async () => {
    const leases = new StatementLeases(gateway, clock);
    const held = await leases.current();
    held.held = 1;
    nowMs += LEASE_SHARED_MS;
    await leases.current();
    nowMs += (STATEMENT_TTL_S * 1_000) / 3;
    const asked = etcd.asked;
    assert.deepEqual(await leases.renew(), { lost: [], outlived: [] });
    assert.equal(etcd.asked, asked + 1, "the held one, and not the other");
    assert.equal(held.renewedMs, nowMs);
    await leases.renew();
    assert.equal(etcd.asked, asked + 1, "not before it is due again");
  });

  test("that etcd has lost are told, once, and none is taken from them any more", async () => {
    const leases = new StatementLeases(gateway, clock);
    const lease = await leases.current();
    lease.held = 1;
    await revokeLease(gateway, lease.id);
    await revokeLease(gateway, lease.id);
    nowMs += STATEMENT_TTL_S * 1_000;
    assert.deepEqual((await leases.renew()).lost, [lease]);
    assert.deepEqual((await leases.renew()).lost, []);
    assert.notEqual((await leases.current()).id, lease.id);
  });

  test("end after a day, whatever is open", async () => {
    const leases = new StatementLeases(gateway, clock);
    const lease = await leases.current();
    lease.held = 1;
    nowMs += STATEMENT_LIFE_MS;
    assert.deepEqual((await leases.renew()).outlived, [lease]);
    assert.deepEqual((await leases.renew()).outlived, []);
  });

  test("that could not be had are asked for again", async () => {
    const leases = new StatementLeases(gateway, clock);
    const { mouth } = etcd;
    etcd.mouth = { ...mouth, answer: (_, __, ___, response) => void response.end("{}") };
    await assert.rejects(leases.current(), /a lease without an id/);
    etcd.mouth = mouth;
    assert.match((await leases.current()).id, /^\d+$/);
  });
});
