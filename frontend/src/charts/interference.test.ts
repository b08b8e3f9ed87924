import { expect, test } from "vitest";

import { readInterference, strengthOf } from "./interference";

const matrix = [[0.5, null], [-0.25, 1]];
const figures = { cosine: matrix, conflict: matrix, weighted_conflict: matrix, overlap: matrix };
const row = { cosine: [0.1], conflict: [0.4], weighted_conflict: [0.3], overlap: [0.2] };
const sums = { cosine: 0.2, conflict: 0.45, weighted_conflict: 0.4, overlap: 0.25 };
const names = { a: "math", b: "code" };

const report = {
  base: "base",
  models: ["math", "code"],
  stack: [0, 1],
  modules: ["self_attn.q_proj", "mlp"],
  norm: {},
  pairs: [{ ...names, ...figures }],
  outside: { modules: ["lm_head"], norm: {}, pairs: [{ ...names, ...row }] },
  total: { norm: {}, pairs: [{ ...names, ...sums }] },
  skipped: [],
};

test("a report becomes a map a pair, with what is outside the layers and the whole", () => {
  const map = readInterference(report)!;
  const [pair] = map.pairs;

  expect([map.base, map.layers, map.outside]).toEqual(["base", [0, 1], ["lm_head"]]);
  expect(pair?.maps.cosine).toEqual(matrix);
  expect(pair?.outside.conflict).toEqual([0.4]);
  expect(pair?.total.overlap).toBe(0.25);
});

test("what is no number is nothing, and rows have the layers' length", () => {
  const odd = { ...names, ...figures, cosine: [["x"], [NaN, 1, 2]] };
  const map = readInterference({ ...report, pairs: [odd] })!;

  expect(map.pairs[0]?.maps.cosine).toEqual([[null, null], [null, 1]]);
});

test.each([
  [null],
  [{}],
  [{ ...report, base: 1 }],
  [{ ...report, pairs: [] }],
  [{ ...report, modules: [] }],
  [{ ...report, outside: null }],
])("%j is no report", (data) => {
  expect(readInterference(data)).toBeNull();
});

test("a cosine is as strong as it is far from 0, whichever way", () => {
  expect([strengthOf(-0.5, "cosine"), strengthOf(0.5, "cosine")]).toEqual([0.5, 0.5]);
});

test("conflict is full at a half, which unrelated changes have", () => {
  expect([0, 0.25, 0.5, 0.9].map((value) => strengthOf(value, "conflict"))).toEqual([0, 0.5, 1, 1]);
});
