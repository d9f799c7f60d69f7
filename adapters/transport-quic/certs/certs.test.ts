/** Certificates from request to renewal, in folders, and everything that is wrong with some of them. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { createAuthority, createRequest, signRequest } from "./authority.ts";
import { certsCa, certsInstall, certsNode, certsRenew, certsSign, certsVerify, tlsKeyOf } from "./commands.ts";
import { readKey } from "./files.ts";
import { expiryWarning, verifyCertificate } from "./verify.ts";
import { CertificateError, DAY_MS, newPrivateKey } from "./x509.ts";

const nowMs = Date.now();
const folder = mkdtempSync(join(tmpdir(), "conclave-certs-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]): string => join(folder, ...names);
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const text = (path: string): string => readFileSync(path, "utf8");

await certsCa({ folder: at("ca"), name: "cluster", nowMs });

describe("certs", () => {
  it("are made by an operator and an authority's holder who never see each other's keys", async () => {
    await certsNode({ folder: at("bob"), name: "bob", nowMs });
    await certsSign({
      authority: at("ca"),
      request: at("bob", "node.csr"),
      name: "bob",
      hosts: ["bob.example", "10.0.0.2"],
      out: at("bob.crt"),
      nowMs,
    });
    await certsInstall({ folder: at("bob"), name: "bob", certificate: at("bob.crt"), ca: at("ca", "ca.crt"), nowMs });
    const lines = await certsVerify({ folder: at("bob"), name: "bob", nowMs });
    assert.match(lines[0]!, /the certificate is good: for "bob", "bob.example", until/);
    assert.deepEqual(
      [at("ca"), at("ca", "ca.key"), at("bob"), at("bob", "node.key"), at("bob", "node.crt")].map(modeOf),
      ["700", "600", "700", "600", "644"],
    );
  });

  it("satisfy OpenSSL as server and as client", (test) => {
    if (spawnSync("openssl", ["version"]).status !== 0) return test.diagnostic("no openssl here: not compared");
    for (const purpose of ["sslserver", "sslclient"]) {
      const args = [
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-verify_hostname",
        "bob",
        "-CAfile",
        at("ca", "ca.crt"),
      ];
      assert.match(execFileSync("openssl", [...args, at("bob", "node.crt")], { encoding: "utf8" }), /: OK/);
    }
  });

  it("are renewed for the same key, keep their hosts, and with a new key only when asked", async () => {
    const before = tlsKeyOf(text(at("bob", "node.crt")));
    await certsRenew({ folder: at("bob"), name: "bob", authority: at("ca"), nowMs });
    assert.deepEqual(tlsKeyOf(text(at("bob", "node.crt"))), before);
    const [line] = await certsVerify({ folder: at("bob"), name: "bob", nowMs });
    assert.match(line!, /"bob", "bob.example"/);
    await certsRenew({ folder: at("bob"), name: "bob", withNewKey: true, nowMs });
    assert.deepEqual(tlsKeyOf(text(at("bob", "node.crt"))), before, "not before the new one is signed");
    await certsVerify({ folder: at("bob"), name: "bob", nowMs });
    await certsSign({ authority: at("ca"), request: at("bob", "node.csr"), name: "bob", out: at("new.crt"), nowMs });
    const lines = await certsInstall({ folder: at("bob"), name: "bob", certificate: at("new.crt"), nowMs });
    assert.match(lines.at(-1)!, /the key is new: peers refuse this node until the roster pins it/);
    assert.notDeepEqual(tlsKeyOf(text(at("bob", "node.crt"))), before);
    await certsVerify({ folder: at("bob"), name: "bob", nowMs });
  });

  it("overwrite no key", async () => {
    await assert.rejects(certsCa({ folder: at("ca"), name: "cluster", nowMs }), /ca.key exists and is not overwritten/);
    await assert.rejects(
      certsNode({ folder: at("bob"), name: "bob", nowMs }),
      /node.key exists and is not overwritten/,
    );
  });

  it("are refused with every reason at once", async () => {
    await certsNode({ folder: at("eve"), name: "eve", authority: at("ca"), nowMs, days: 5 });
    writeFileSync(at("eve", "node.key"), text(at("bob", "node.key")));
    await assert.rejects(certsVerify({ folder: at("eve"), name: "bob", nowMs: nowMs + 6 * DAY_MS }), (error: Error) => {
      assert(error instanceof CertificateError);
      assert.deepEqual(error.message.match(/(?<=\n {2})[a-z-]+(?=:)/g), ["expired", "wrong-name", "key-mismatch"]);
      return true;
    });
  });

  it("refuse a key that others can read, and say what to run", async () => {
    const key = at("bob", "node.key");
    chmodSync(key, 0o640);
    assert.throws(() => readKey(key), new RegExp(`can be read by others \\(mode 640\\): run \`chmod 600 ${key}\``));
    await assert.rejects(certsVerify({ folder: at("bob"), name: "bob", nowMs }), /chmod 600/);
    chmodSync(key, 0o600);
    chmodSync(at("bob"), 0o777);
    assert.throws(() => readKey(key), /can be changed by others \(mode 777\): run `chmod 700/);
    chmodSync(at("bob"), 0o700);
    assert.throws(() => readKey(at("nobody.key")), /cannot be opened: ENOENT/);
  });
});

describe("a request", () => {
  const authority = createAuthority({ name: "a", nowMs });
  const sign = async (request: string, options: { name?: string; days?: number; hosts?: string[] } = {}) =>
    signRequest(await authority, { request, name: "bob", nowMs, ...options });

  it("is signed for the name that the authority's holder says, and for no other", async () => {
    const request = await createRequest({ name: "bob", privateKey: newPrivateKey() });
    await sign(request);
    await assert.rejects(sign(request, { name: "eve" }), /the request is for "bob" and not for "eve"/);
    await assert.rejects(sign(request, { hosts: ["Not A Host"] }), /neither a host name/);
    await assert.rejects(sign(request, { days: 9_999 }), /before the certificate would/);
    await assert.rejects(sign(request, { days: 0 }), /--days is a number above 0/);
    await assert.rejects(sign("no request"), /no certificate request/);
    await assert.rejects(createRequest({ name: "No Name", privateKey: newPrivateKey() }), /a node's name is 1 to 32/);
    await assert.rejects(createRequest({ name: "bob", privateKey: "no key" }), /no PEM that can be read/);
  });

  it("is refused when its signature is not its key's", async () => {
    const request = await createRequest({ name: "bob", privateKey: newPrivateKey() });
    const der = Buffer.from(request.replaceAll(/-----[^-]+-----|\n/g, ""), "base64");
    der[der.length - 1]! ^= 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----`;
    await assert.rejects(sign(forged), /not signed by its own key/);
  });

  it("is not signed with a key that is another authority's", async () => {
    const other = await createAuthority({ name: "a", nowMs });
    const mixed = { certificate: (await authority).certificate, privateKey: other.privateKey };
    const request = await createRequest({ name: "bob", privateKey: newPrivateKey() });
    await assert.rejects(signRequest(mixed, { request, name: "bob", nowMs }), /does not belong to its certificate/);
  });
});

describe("a certificate", () => {
  const kinds = async (options: Partial<Parameters<typeof verifyCertificate>[0]>): Promise<readonly string[]> => {
    const found = await verifyCertificate({ ...(await good), ...options });
    return found.map(({ kind }) => kind);
  };
  const issue = async (name: string) => {
    const authority = await createAuthority({ name: "a", nowMs });
    const privateKey = newPrivateKey();
    const request = await createRequest({ name, privateKey });
    const certificate = await signRequest(authority, { request, name, nowMs });
    return { ca: authority.certificate, certificate, privateKey, name, nowMs };
  };
  const good = issue("bob");

  it("is good, or wrong in exactly one way", async () => {
    const namesake = await issue("bob");
    const stranger = await createAuthority({ name: "z", nowMs });
    assert.deepEqual(await kinds({}), []);
    assert.deepEqual(await kinds({ nowMs: nowMs + 366 * DAY_MS }), ["expired"]);
    assert.deepEqual(await kinds({ nowMs: nowMs - DAY_MS }), ["not-yet-valid", "ca-expired"]);
    assert.deepEqual(await kinds({ ca: namesake.ca }), ["same-named-ca"]);
    assert.deepEqual(await kinds({ ca: stranger.certificate }), ["foreign-ca"]);
    assert.deepEqual(await kinds({ ca: stranger.certificate + (await good).ca }), []);
    assert.deepEqual(await kinds({ name: "eve" }), ["wrong-name"]);
    assert.deepEqual(await kinds({ privateKey: newPrivateKey() }), ["key-mismatch"]);
    const ofAuthority = await kinds({ certificate: (await good).ca });
    assert.deepEqual(ofAuthority, ["not-a-leaf", "wrong-name", "wrong-use", "key-mismatch"]);
    assert.deepEqual(await kinds({ ca: (await good).certificate }), ["foreign-ca"]);
    await assert.rejects(kinds({ ca: "" }), /holds no certificate in PEM/);
  });

  it("warns of its end at 30, 7 and 1 days", async () => {
    const { certificate } = await good;
    const warned = (leftDays: number): string | null => expiryWarning(certificate, nowMs + (365 - leftDays) * DAY_MS);
    assert.equal(warned(31), null);
    assert.match(warned(29)!, /within 30 days, on .*renew/);
    assert.match(warned(6)!, /within 7 days/);
    assert.match(warned(0.5)!, /within 1 day,/);
    assert.equal(warned(-1), null);
  });
});
