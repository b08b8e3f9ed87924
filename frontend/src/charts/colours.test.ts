import { describe, expect, test } from "vitest";

import { heat, inkOn, luminance } from "./colours";

const steps = Array.from({ length: 33 }, (_, i) => i / 32);

describe.each([
  ["dark", true],
  ["light", false],
])("on %s pages", (_, dark) => {
  test("every colour is one", () => {
    for (const step of steps) expect(heat(step, dark)).toMatch(/^#[0-9a-f]{6}$/);
  });

  test("more is always further from the page, so it reads without colour vision", () => {
    const lights = steps.map((step) => luminance(heat(step, dark)));
    const sorted = lights.toSorted((a, b) => (dark ? a - b : b - a));

    expect(lights).toEqual(sorted);
    expect(new Set(lights).size).toBe(lights.length);
  });

  test("ink is readable on every colour (WCAG AA)", () => {
    for (const step of steps) {
      const [one, other] = [luminance(heat(step, dark)), luminance(inkOn(heat(step, dark)))];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      expect(contrast).toBeGreaterThanOrEqual(4.5);
    }
  });
});

test("shares beyond the ends take the colour of the end", () => {
  expect(heat(-1, true)).toBe(heat(0, true));
  expect(heat(7, true)).toBe(heat(1, true));
});

test("luminance is WCAG's", () => {
  expect(luminance("#ffffff")).toBeCloseTo(1);
  expect(luminance("#000000")).toBe(0);
  expect(luminance("#777777")).toBeCloseTo(0.1845, 3);
});
