import { expect, test } from "vitest";
import type { Fault, Problem } from "../http";
import { sorted } from "./faults";

function problem(...locs: Fault["loc"][]): Problem {
  const errors = locs.map((loc) => ({ loc, msg: "is wrong", remedy: "Mend it." }));
  return { title: "Invalid", status: 422, detail: "Some are wrong.", errors };
}

test("faults of a line keep their place in it", () => {
  const found = sorted(problem(["line", 7, "messages", 0, "role"], ["line", 9]), ["file"]);
  expect(found.lines.map(({ line, place }) => [line, place])).toEqual([
    [7, "messages.0.role"],
    [9, ""],
  ]);
});

test("faults of a field stand beside it", () => {
  const found = sorted(problem(["name"], ["test_percent"]), ["name", "test_percent", "file"]);
  expect(found.fields.get("name")).toHaveLength(1);
  expect(found.fields.get("file")).toEqual([]);
  expect(found.others).toEqual([]);
});

test("faults of nothing on the page are not lost", () => {
  expect(sorted(problem(["elsewhere"], []), ["name"]).others).toHaveLength(2);
});

test("a line that is no number is not taken for one", () => {
  expect(sorted(problem(["line"]), ["name"]).lines).toEqual([]);
});
