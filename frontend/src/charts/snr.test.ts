import { expect, test } from "vitest";

import { readSnr, shareOf, type SnrMap } from "./snr";

function row(type: string, layer: number, snr: number, selected = false): object {
  return { module: `model.layers.${layer}.${type}`, type, layer, snr, selected };
}

const report = {
  percent: 50,
  types: ["self_attn.q_proj", "mlp"],
  layers: 3,
  rows: [
    row("self_attn.q_proj", 0, 0.5),
    row("mlp", 0, 4, true),
    row("self_attn.q_proj", 2, 1.5, true),
    row("mlp", 1, 2),
    row("mlp", 2, 3),
  ],
};

function read(): SnrMap {
  const map = readSnr(report);
  if (!map) throw new Error("not read");
  return map;
}

test("a report becomes a row a type and a column a layer, with gaps", () => {
  const [queries, mlp] = read().rows;

  expect(queries?.cells.map((cell) => cell?.snr ?? null)).toEqual([0.5, null, 1.5]);
  expect(mlp?.cells.map((cell) => cell?.snr ?? null)).toEqual([4, 2, 3]);
});

test("a type's name is split into block and module", () => {
  const [queries, mlp] = read().rows;

  expect([queries?.block, queries?.label]).toEqual(["self_attn", "q_proj"]);
  expect([mlp?.block, mlp?.label]).toEqual(["", "mlp"]);
});

test("ranks count from the highest of a type", () => {
  expect(read().rows[1]?.cells.map((cell) => cell?.rank)).toEqual([1, 3, 2]);
});

test("counts and bounds are of all modules", () => {
  const { selected, total, low, high, layers, percent } = read();

  expect({ selected, total, low, high, layers, percent }).toEqual({
    selected: 2, total: 5, low: 0.5, high: 4, layers: 3, percent: 50,
  });
});

test("colours compare within a type, or all modules", () => {
  const map = read();
  const [queries] = map.rows;
  const highest = queries!.cells[2]!;

  expect(shareOf(highest, queries!, map, "type")).toBe(1);
  expect(shareOf(highest, queries!, map, "all")).toBeCloseTo(Math.log(3) / Math.log(8));
});

test("a type with one value stands in the middle", () => {
  const map = readSnr({ ...report, types: ["mlp"], rows: [row("mlp", 0, 2)] })!;

  expect(shareOf(map.rows[0]!.cells[0]!, map.rows[0]!, map, "type")).toBe(0.5);
});

test("zero is the lowest of a logarithmic scale", () => {
  const map = readSnr({ ...report, types: ["mlp"], rows: [row("mlp", 0, 0), row("mlp", 1, 2)] })!;

  expect(map.rows[0]!.cells.map((cell) => shareOf(cell!, map.rows[0]!, map, "type"))).toEqual([0, 1]);
});

test.each([[null], [{}], [[]], [{ types: [], rows: [] }], [{ types: ["mlp"], rows: [{ snr: "x" }] }]])(
  "%j is no report",
  (data) => {
    expect(readSnr(data)).toBeNull();
  },
);

test("rows that make no sense are left out", () => {
  const odd = [row("mlp", -1, 1), row("mlp", 0, NaN), row("mlp", 1, 2)];

  expect(readSnr({ ...report, rows: odd })?.total).toBe(1);
});
