import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderList, renderTable, visible, type Look } from "./table.ts";

const plain: Look = { width: Infinity, paint: (_, text) => text };
const marked: Look = { width: Infinity, paint: (tone, text) => `<${tone}>${text}</>` };

const rows = [
  [{ text: "1" }, { text: "node-1" }],
  [{ text: "12" }, { text: "n" }],
];

describe("a table", () => {
  test("aligns its columns and leaves no blanks at the ends", () => {
    assert.equal(renderTable(["Id", "Name"], rows, plain), "Id  Name\n1   node-1\n12  n");
  });

  test("becomes lists one column before it would wrap", () => {
    const at = (width: number): string => renderTable(["Id", "Name"], rows, { ...plain, width });
    assert.equal(at(10).split("\n").length, 3);
    assert.equal(at(9), "Id\n  1\nName\n  node-1\n\nId    12\nName  n");
  });

  test("colours do not change the alignment", () => {
    const coloured = renderTable(["A", "B"], [[{ text: "x", tone: "good" }, { text: "y" }]], marked);
    assert.equal(coloured.replace(/<\w+>|<\/>/g, ""), "A  B\nx  y");
    assert.match(coloured, /<good>x<\/>/);
  });
});

describe("a list", () => {
  test("aligns its values", () => {
    const entries = [
      ["a", { text: "1" }],
      ["long", { text: "2" }],
    ] as const;
    assert.equal(renderList(entries, plain), "a     1\nlong  2");
  });

  test("on a narrow terminal has each value under its name, whole", () => {
    const entries = [["Address", { text: "x".repeat(62) }]] as const;
    assert.equal(renderList(entries, { ...plain, width: 40 }), `Address\n  ${"x".repeat(62)}`);
  });
});

test("text of strangers cannot move the cursor, recolour, reverse or hide", () => {
  assert.equal(visible("a\u001b[2J\u202eb\u200bc\nd\u2028e"), "a\\u{1b}[2J\\u{202e}b\\u{200b}c\\u{a}d\\u{2028}e");
  assert.equal(visible("Grüße 🔑 日本"), "Grüße 🔑 日本");
});
