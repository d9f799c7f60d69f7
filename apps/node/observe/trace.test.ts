/** Traces by their parts: names that nodes agree on, clients' names that are checked, and room that ends. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseTraceparent, printTraceparent, rootOf, spanOf, traceOf } from "./trace-context.ts";
import { peekHeader } from "@conclave/custody";
import { AttemptTrace } from "./attempt-trace.ts";
import { TraceStore, type OpenSpan } from "./trace-store.ts";

const REQUEST = "0123456789abcdef".repeat(4);

describe("a client's traceparent", () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const span = "b7ad6b7169203331";

  test("is read as the standard says, also of versions to come", () => {
    assert.deepEqual(parseTraceparent(`00-${trace}-${span}-01`), { trace, span });
    assert.deepEqual(parseTraceparent(`00-${trace}-${span}-00`), { trace, span });
    assert.deepEqual(parseTraceparent(`01-${trace}-${span}-01-more`), { trace, span });
  });

  for (const [what, text] of Object.entries({
    nothing: null,
    "an empty header": "",
    "a forbidden version": `ff-${trace}-${span}-01`,
    "capital letters": `00-${trace.toUpperCase()}-${span}-01`,
    "a trace of zeros": `00-${"0".repeat(32)}-${span}-01`,
    "a span of zeros": `00-${trace}-${"0".repeat(16)}-01`,
    "more than version 00 has": `00-${trace}-${span}-01-more`,
    "a line break": `00-${trace}-${span}-01\n`,
    "a short trace": `00-${trace.slice(1)}-${span}-01`,
  }))
    test(`is ignored: ${what}`, () => assert.equal(parseTraceparent(text), null));
});

test("bytes that are no envelope say nothing of themselves", () => {
  for (const bytes of [new Uint8Array(), new Uint8Array(64).fill(0xa3), Buffer.from("GET / HTTP/1.1")])
    assert.equal(peekHeader(bytes), null);
});

describe("an attempt", () => {
  const attempt = () => {
    const opened: OpenSpan[] = [];
    const clock = { ms: 1_000 };
    const open = (round: string): OpenSpan => {
      const made = {
        span: round,
        parent: null,
        name: "round",
        startMs: clock.ms,
        endMs: null,
        attributes: {},
        links: [],
      };
      opened.push(made);
      return made;
    };
    const trace = new AttemptTrace({ request: REQUEST, span: "aa", open, nowMs: () => clock.ms });
    return { trace, opened, clock };
  };

  test("has one span for a round of all inputs, with what came before it began, and ends it with the last of them", () => {
    const { trace, opened, clock } = attempt();
    trace.received("one", 100);
    trace.progressed(0, "one", 0);
    trace.progressed(1, "one", 0);
    trace.received("one", 50);
    clock.ms = 1_400;
    trace.progressed(0, "two", 30);
    assert.equal(opened[0]?.endMs, null, "the other input is still in it");
    clock.ms = 1_500;
    trace.progressed(1, "two", 100);
    assert.deepEqual(
      opened.map(({ span, startMs, endMs, attributes }) => [span, startMs, endMs, attributes["bytes_in"]]),
      [
        ["one", 1_000, 1_500, 150],
        ["two", 1_400, null, 0],
      ],
    );
    assert.equal(opened[0]?.attributes["waited_ms"], 400);
    trace.end(0);
    assert.equal(opened[1]?.endMs, 1_500);
  });

  test("is not filled by a peer that names rounds which do not exist", () => {
    const { trace, opened } = attempt();
    for (let i = 0; i < 1_000; i++) trace.received(`made up ${i}`, 1);
    trace.received("real", 10);
    trace.progressed(0, "real", 0);
    trace.received("real", 10);
    assert.deepEqual([opened.length, opened[0]?.attributes["bytes_in"]], [1, 10]);
  });
});

test("nodes agree on trace and root, and no two spans share a name", () => {
  const root = { trace: traceOf(REQUEST), span: rootOf(REQUEST) };
  assert.deepEqual(parseTraceparent(printTraceparent(root)), root);
  const names = ["a", "b"].flatMap((node) => ["vote", "attempt"].map((what) => spanOf(REQUEST, node, what)));
  assert.equal(new Set(names).size, 4);
  for (const name of names) assert.match(name, /^[0-9a-f]{16}$/);
});

describe("a node's traces", () => {
  const request = (i: number): string => i.toString(16).padStart(8, "0").padEnd(64, "5");
  const open = (store: TraceStore, id: string, span: string) =>
    store.open(id, { span, parent: null, name: "vote", startMs: 1_000 });

  test("are the latest 256 requests: who floods a node fills no memory", () => {
    const store = new TraceStore("node1");
    for (let i = 0; i < 300; i++) open(store, request(i), "aa");
    assert.equal(store.read(request(43)), null);
    assert.equal(store.read(request(44))?.spans.length, 1);
    assert.equal(store.read(request(299).slice(0, 32))?.request, request(299));
  });

  test("hold 128 spans each, and say how many had no room", () => {
    const store = new TraceStore("node1");
    for (let i = 0; i < 300; i++) open(store, REQUEST, `${i}`);
    const trace = store.read(REQUEST)!;
    assert.deepEqual([trace.spans.length, trace.left_out], [128, 172]);
    assert.notEqual(open(store, REQUEST, "7"), null, "one that is there is found again");
  });

  test("show times in UTC, and an open end while there is none", () => {
    const store = new TraceStore("node1");
    const span = open(store, REQUEST, "aa")!;
    const [shown] = store.read(REQUEST)!.spans;
    assert.deepEqual([shown?.start, shown?.end, shown?.node], ["1970-01-01T00:00:01.000Z", null, "node1"]);
    span.endMs = 2_500;
    assert.equal(store.read(REQUEST)!.spans[0]?.end, "1970-01-01T00:00:02.500Z");
  });
});
