import { expect, test } from "vitest";
import { Pace, size } from "./pace";

test("nobody knows the time left in the first second", () => {
  const pace = new Pace();
  pace.add(0, 100);
  pace.add(500, 100.5);
  expect(pace.secondsLeft(10_000)).toBeNull();
});

test("a steady pace tells the time left", () => {
  const pace = new Pace();
  for (let second = 0; second <= 4; second++) pace.add(1000 * second, second);
  expect(pace.secondsLeft(10_000)).toBeCloseTo(6);
});

test("a slower pace is noticed within seconds", () => {
  const pace = new Pace();
  for (let second = 0; second <= 4; second++) pace.add(1000 * second, second);
  for (let second = 1; second <= 9; second++) pace.add(4000 + 100 * second, 4 + second);
  expect(pace.secondsLeft(5900)).toBeGreaterThan(6);
});

test("news that come twice in a moment, or late, change nothing", () => {
  const pace = new Pace();
  pace.add(0, 0);
  pace.add(2000, 2);
  pace.add(1000, 1);
  expect(pace.secondsLeft(4000)).toBeCloseTo(2);
});

test("what stands still takes for ever, and nobody says so", () => {
  const pace = new Pace();
  pace.add(0, 0);
  pace.add(0, 5);
  expect(pace.secondsLeft(10)).toBeNull();
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1234, "1.23 kB"],
  [999_600, "1 MB"],
  [269_060_552, "269 MB"],
  [2 ** 31, "2.15 GB"],
])("%d bytes are %s", (bytes, words) => {
  expect(size(bytes)).toBe(words);
});
