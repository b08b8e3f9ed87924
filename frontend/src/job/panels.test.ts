import { expect, test } from "vitest";

import { rangeOf } from "./panels";

const words = String;

test.each([
  ["what is never negative begins at zero", {}, 2, 10, [0, 11]],
  ["a share reaches to one", { most: 1 }, 0.5, 0.75, [0, 1.1]],
  ["below zero is shown where it means something", { signed: true }, -2, 1, [-2.2, 1.1]],
  ["nothing but losses still shows zero", { signed: true }, -2, -1, [-2.2, 0]],
  ["nothing has a height, too", {}, null, null, [0, 1]],
])("%s", (_, more, low, high, range) => {
  const found = rangeOf({ name: "x", title: "X", words, ...more }, low, high);

  expect(found).toEqual(range.map((bound) => expect.closeTo(bound as number)));
});
