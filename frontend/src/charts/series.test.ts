import { describe, expect, test } from "vitest";

import { alignedSteps, Curve, lastUntil, sampled, smooth, thinned, type Point } from "./series";

describe("a curve", () => {
  test("sorts its steps, and keeps the newest value of each", () => {
    const curve = new Curve();
    curve.add(3, 30);
    curve.add(1, 10);
    curve.add(2, 20);
    curve.add(1, 11);

    expect(curve.points()).toEqual([[1, 11], [2, 20], [3, 30]]);
    expect(curve.size).toBe(3);
  });

  test("goes on in order after it was sorted", () => {
    const curve = new Curve();
    curve.add(2, 2);
    curve.add(1, 1);
    curve.steps();
    curve.add(3, 3);

    expect(curve.steps()).toEqual([1, 2, 3]);
  });
});

describe("smoothing", () => {
  test("leaves a constant as it is, from the first point on", () => {
    expect(smooth([5, 5, 5], 0.9)).toEqual([5, 5, 5].map((five) => expect.closeTo(five)));
  });

  test("is none at weight 0", () => {
    expect(smooth([1, 4, 2], 0)).toEqual([1, 4, 2]);
  });

  test("weighs the past as told", () => {
    // (1·0.5 + 3) / (0.5 + 1), then (1·0.25 + 3·0.5 + 5) / (0.25 + 0.5 + 1)
    expect(smooth([1, 3, 5], 0.5)).toEqual([1, expect.closeTo(7 / 3), expect.closeTo(27 / 7)]);
  });

  test("goes past what is no number", () => {
    expect(smooth([2, NaN, 2], 0.5)).toEqual([2, 2, 2]);
  });
});

describe("thinning", () => {
  const long: Point[] = Array.from({ length: 10_000 }, (_, i) => [i, i === 4321 ? 99 : Math.sin(i)]);

  test("keeps short curves whole", () => {
    expect(thinned(long.slice(0, 100), 100)).toEqual(long.slice(0, 100));
  });

  test("keeps both ends, every spike, and the order", () => {
    const few = thinned(long, 200);

    expect(few.length).toBeLessThanOrEqual(200);
    expect(few.length).toBeGreaterThan(150);
    expect(few[0]).toEqual(long[0]);
    expect(few.at(-1)).toEqual(long.at(-1));
    expect(few).toContainEqual([4321, 99]);
    expect(few.map(([step]) => step)).toEqual(few.map(([step]) => step).toSorted((a, b) => a - b));
  });
});

test("steps of the other curve are kept, in order and once", () => {
  const long: Point[] = Array.from({ length: 1000 }, (_, i) => [i, 1]);
  const steps = alignedSteps(long, [777, 500, 1200], 10);

  expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b));
  expect(steps).toEqual(expect.arrayContaining([0, 500, 777, 999, 1200]));
  expect(steps.length).toBeLessThan(20);
});

test.each([
  [0, null],
  [1, 7],
  [2, 7],
  [9, 8],
])("up to place %d the last value is %j", (place, value) => {
  expect(lastUntil([null, 7, null, 8], place)).toBe(value);
});

test("a table's rows are spread evenly, with the first and the last", () => {
  const rows = Array.from({ length: 101 }, (_, i) => i);

  expect(sampled(rows, 5)).toEqual([0, 25, 50, 75, 100]);
  expect(sampled([1, 2], 5)).toEqual([1, 2]);
});
