import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceOf } from "./source.ts";

test("a source is an IPv4 address, or the network of an IPv6 address", () => {
  const table = {
    "192.0.2.7": "192.0.2.7",
    "::ffff:192.0.2.7": "192.0.2.7",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
    "2001:db8:1:2::6": "2001:db8:1:2::/64",
    "2001:db8::6": "2001:db8:0:0::/64",
    "fe80::1%eth0": "fe80:0:0:0::/64",
    "::1": "0:0:0:0::/64",
    "::": "0:0:0:0::/64",
    "": "",
  };
  for (const [address, source] of Object.entries(table)) assert.equal(sourceOf(address), source, address);
  assert.equal(sourceOf(undefined), "");
});
