import { expect, test } from "vitest";

import { matches, modulesTrained, step } from "./find";

test.each([
  ["SmolLM2-135M v1", "smol", true],
  ["SmolLM2-135M v1", "v1 135", true],
  ["SmolLM2-135M v1", "v2", false],
  ["anything", "", true],
  ["anything", "  ", true],
])("%j is found by %j: %s", (text, query, found) => {
  expect(matches(text, query)).toBe(found);
});

test("steps go past what can't be chosen, and round the ends", () => {
  const choosable = [true, false, true];

  expect(step(choosable, 0, 1)).toBe(2);
  expect(step(choosable, 2, 1)).toBe(0);
  expect(step(choosable, 0, -1)).toBe(2);
  expect(step(choosable, -1, 1)).toBe(0);
});

test("there is no step where nothing can be chosen", () => {
  expect(step([false, false], 0, 1)).toBe(-1);
  expect(step([], 0, 1)).toBe(-1);
});

test.each([
  [25, 30, 7],
  [100, 30, 30],
  [3, 30, 0],
])("%d%% of %d layers are %d modules", (percent, layers, modules) => {
  expect(modulesTrained(percent, layers)).toBe(modules);
});
