import { concatBytes, toHex } from "@conclave/bytes";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import {
  answerBaseOts,
  answerMultiply,
  beginMultiply,
  checkExtension,
  chooseBaseOts,
  extendAsReceiver,
  extendAsSender,
  finishMultiply,
  growTrees,
  openBaseOts,
  portableEngine,
  regrowTrees,
  type Point,
} from "../index.ts";
import { seededRng } from "../testing/index.ts";

// `vectors/README.md` says how to reproduce these files without this code.
const engine = portableEngine;
const group = engine.secp256k1;

/** CONCLAVE_VECTORS=write replaces the files: after a change of the protocol that is meant, together with its version. */
const rewrite = process.env["CONCLAVE_VECTORS"] === "write";

const seeds = {
  sessions: "conclave/ot/vectors/sessions",
  chooser: "conclave/ot/vectors/chooser",
  answerer: "conclave/ot/vectors/answerer",
  extension: "conclave/ot/vectors/extension",
  receiver: "conclave/ot/vectors/receiver",
  sender: "conclave/ot/vectors/sender",
  inputs: "conclave/ot/vectors/inputs",
};
const sessionRng = seededRng(seeds.sessions);
const session = {
  base: sessionRng(32),
  trees: sessionRng(32),
  extension: sessionRng(32),
  multiplication: sessionRng(32),
};

const EDGE_BYTES = 16;
const long = (bytes: Uint8Array) => ({
  length: bytes.length,
  sha256: toHex(engine.sha256(bytes)),
  first: toHex(bytes.subarray(0, EDGE_BYTES)),
  last: toHex(bytes.subarray(-EDGE_BYTES)),
});
const longPoints = (points: readonly Point[]) => long(concatBytes(...group.encodeAll(points)));
const scalarHex = (scalar: bigint): string => toHex(group.encodeScalar(scalar));

function holds(name: string, computed: object): void {
  const file = new URL(`./vectors/${name}.json`, import.meta.url);
  if (rewrite) writeFileSync(file, `${JSON.stringify(computed, null, 2)}\n`);
  assert.deepEqual(computed, JSON.parse(readFileSync(file, "utf8")));
}

const chosen = chooseBaseOts(engine, session.base, seededRng(seeds.chooser));
const answered = answerBaseOts(engine, session.base, chosen.message, seededRng(seeds.answerer));
const opened = openBaseOts(engine, session.base, chosen.chooser, answered.message);
const grown = growTrees(engine, session.trees, answered.seeds);
const punctured = regrowTrees(engine, session.trees, opened, grown.message);

test("base OTs: both sides", () => {
  holds("base-ot", {
    session: toHex(session.base),
    chooser: {
      randomness: seeds.chooser,
      message: longPoints(chosen.message),
      choices: toHex(opened.choices),
      seeds: long(opened.seeds),
    },
    answerer: {
      randomness: seeds.answerer,
      message: longPoints(answered.message),
      seeds: long(answered.seeds),
    },
  });
});

test("trees: both sides", () => {
  holds("trees", {
    session: toHex(session.trees),
    corrections: long(grown.message.corrections),
    sums: long(grown.message.sums),
    digests: long(grown.message.digests),
    leaves: long(grown.leaves.leaves),
    punctured: { leaves: long(punctured.leaves), missing: toHex(punctured.missing) },
  });
});

test("extension: both sides", () => {
  const choices = seededRng(seeds.inputs)(64);
  const rng = seededRng(seeds.extension);
  const { message, columns } = extendAsReceiver(engine, session.extension, grown.leaves, choices, rng);
  const { zero, one } = extendAsSender(engine, session.extension, punctured, message);
  holds("extension", {
    session: toHex(session.extension),
    receiver: {
      choices: toHex(choices),
      randomness: seeds.extension,
      u: long(message.u),
      x: toHex(message.x),
      t: long(message.t),
      columns: long(columns),
    },
    sender: { zero: long(zero), one: long(one) },
  });
});

test("multiplication: both sides", () => {
  const use = session.multiplication;
  const rng = seededRng(seeds.inputs);
  const inputs = [group.reduce(rng(48)), group.reduce(rng(48))] as const;
  const { message, receiver } = beginMultiply(engine, use, grown.leaves, seededRng(seeds.receiver));
  const extension = checkExtension(engine, use, punctured, message);
  const { message: answer, c } = answerMultiply(engine, use, extension, inputs, seededRng(seeds.sender));
  const d = finishMultiply(engine, use, receiver, answer);
  holds("multiplication", {
    session: toHex(use),
    receiver: {
      randomness: seeds.receiver,
      u: long(message.u),
      x: toHex(message.x),
      t: long(message.t),
      b: scalarHex(receiver.b),
      d: d.map(scalarHex),
    },
    sender: {
      randomness: seeds.sender,
      a: inputs.map(scalarHex),
      corrections: long(engine.ot.encodeRows(answer.corrections)),
      eta: scalarHex(answer.eta),
      mu: toHex(answer.mu),
      c: c.map(scalarHex),
    },
  });
});
