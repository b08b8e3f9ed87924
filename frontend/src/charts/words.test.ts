import { expect, test } from "vitest";

import { count, duration, howFar, number, timeLeft } from "./words";

test.each([
  [0, "0 s"],
  [59.4, "59 s"],
  [59.6, "1 min 00 s"],
  [125, "2 min 05 s"],
  [3600, "1 h 00 min"],
  [86_400 * 2 + 3600 * 4, "2 d 4 h"],
  [-3, "0 s"],
])("%d seconds are %s", (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

test.each([
  [null, ""],
  [undefined, ""],
  [Infinity, ""],
  [2, "a few seconds left"],
  [31, "about 30 s left"],
  [58, "about 1 min left"],
  [61 * 45, "about 46 min left"],
  [3600 * 2.5, "about 2 h 30 min left"],
  [3600 * 20, "about 20 h left"],
  [86_400 * 3, "about 3 days left"],
])("of the time left, %s seconds are told as %j", (seconds, words) => {
  expect(timeLeft(seconds)).toBe(words);
});

test.each([
  [0, "0"],
  [2.345678, "2.346"],
  [1.5, "1.5"],
  [12_345, "12,350"],
  [0.0003, "3e-4"],
  [-0.25, "\u22120.25"],
  [123_456_789, "1.235e8"],
  [NaN, "–"],
])("%d is written %s", (value, text) => {
  expect(number(value)).toBe(text);
});

test("counts have separators, and are whole", () => {
  expect(count(1234567.8)).toBe("1,234,568");
});

test.each([
  [12, 60, "12 of 60"],
  [1500, 6000, "1,500 of 6,000"],
  [99_999_999, 100_000_000, "99%"],
  [100_000_000, 100_000_000, "100%"],
  [0, 0, ""],
])("%d of %d is told as %j", (done, total, words) => {
  expect(howFar(done, total)).toBe(words);
});
