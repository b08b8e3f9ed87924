import { expect, test } from "vitest";

import { boundsOf, byLine, countLines, indentAfter } from "./lines";

const text = "merge_method: ties\nmodels:\n  - model: a\n";

test("a text has a line more than it has breaks", () => {
  expect([countLines(""), countLines(text)]).toEqual([1, 4]);
});

test("a line's bounds hold its characters without the break", () => {
  const [start, end] = boundsOf(text, 2);

  expect(text.slice(start, end)).toBe("models:");
});

test("a line beyond the end is the last", () => {
  expect(boundsOf(text, 99)).toEqual([text.length, text.length]);
});

test.each([
  ["merge_method: ties", ""],
  ["models:", "  "],
  ["  parameters: # of all", "    "],
  ["  - model: a", "    "],
  ["  - sources:", "      "],
  ["a:\n  b: 1", "  "],
])("after %j a line begins with %j", (before, blanks) => {
  expect(indentAfter(before)).toBe(blanks);
});

test("of several marks on a line the gravest gives the colour, and all are said", () => {
  const marks = byLine([
    { line: 3, level: "note", words: "one" },
    { line: 3, level: "error", words: "two" },
    { line: 5, level: "warning", words: "three" },
  ]);

  expect(marks.get(3)).toEqual({ line: 3, level: "error", words: "one\ntwo" });
  expect(marks.get(5)?.level).toBe("warning");
});
