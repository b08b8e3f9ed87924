import { describe, expect, test } from "vitest";

import { heat } from "./colours";

const steps = Array.from({ length: 33 }, (_, i) => i / 32);

/** Relative luminance as WCAG defines it. */
function luminance(colour: string): number {
  const channels = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [r, g, b] = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

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
});

test("both ends are far apart", () => {
  const [low, high] = [heat(0, true), heat(1, true)].map(luminance);

  expect((high! + 0.05) / (low! + 0.05)).toBeGreaterThan(10);
});

test("shares beyond the ends take the colour of the end", () => {
  expect(heat(-1, true)).toBe(heat(0, true));
  expect(heat(7, true)).toBe(heat(1, true));
});
