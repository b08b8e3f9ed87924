/** The report of how the task vectors of a merge's models meet, read into one map a pair. */

export type Figure = "cosine" | "conflict" | "weighted_conflict" | "overlap";

export const FIGURES: readonly Figure[] = ["cosine", "conflict", "weighted_conflict", "overlap"];

type Values = readonly (number | null)[];

export interface Pair {
  readonly a: string;
  readonly b: string;
  /** Modules × layers; null where the layer has no such module, or nothing has changed. */
  readonly maps: Readonly<Record<Figure, readonly Values[]>>;
  /** Of the modules outside the layers. */
  readonly outside: Readonly<Record<Figure, Values>>;
  readonly total: Readonly<Record<Figure, number | null>>;
}

export interface Interference {
  readonly base: string;
  readonly models: readonly string[];
  readonly layers: readonly number[];
  readonly modules: readonly string[];
  readonly outside: readonly string[];
  readonly pairs: readonly Pair[];
}

/** Null when the data is no such report. */
export function readInterference(data: unknown): Interference | null {
  if (!isObject(data) || typeof data.base !== "string" || !Array.isArray(data.pairs)) return null;
  const { outside, total } = data;
  const layers = numbers(data.stack);
  const modules = texts(data.modules);
  if (!isObject(outside) || !isObject(total) || modules.length === 0) return null;
  const apart = { modules: texts(outside.modules), pairs: list(outside.pairs) };
  const totals = list(total.pairs);
  const pairs = data.pairs
    .map((pair, i) => pairOf(pair, apart.pairs[i], totals[i], [modules.length, layers.length]))
    .filter((pair): pair is Pair => pair !== null);
  if (pairs.length === 0) return null;
  const models = texts(data.models);
  return { base: data.base, models, layers, modules, outside: apart.modules, pairs };
}

/**
 * The colour's strength, from 0 to 1. A cosine is as strong as it is far from 0. Half of what
 * unrelated changes both move goes in opposite directions: that much conflict is full strength.
 */
export function strengthOf(value: number, figure: Figure): number {
  if (figure === "cosine" || figure === "overlap") return Math.min(1, Math.abs(value));
  return Math.min(1, Math.max(0, value) / 0.5);
}

function pairOf(pair: unknown, outside: unknown, total: unknown, size: Size): Pair | null {
  if (!isObject(pair) || typeof pair.a !== "string" || typeof pair.b !== "string") return null;
  const [apart, sum] = [isObject(outside) ? outside : {}, isObject(total) ? total : {}];
  return {
    a: pair.a,
    b: pair.b,
    maps: each((figure) => matrixOf(pair[figure], size)),
    outside: each((figure) => list(apart[figure]).map(finite)),
    total: each((figure) => finite(sum[figure])),
  };
}

type Size = readonly [rows: number, columns: number];

function matrixOf(value: unknown, [rows, columns]: Size): Values[] {
  return Array.from({ length: rows }, (_, y) => {
    const row = list(list(value)[y]);
    return Array.from({ length: columns }, (_, x) => finite(row[x]));
  });
}

function each<T>(of: (figure: Figure) => T): Record<Figure, T> {
  return Object.fromEntries(FIGURES.map((name) => [name, of(name)])) as Record<Figure, T>;
}

function finite(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function texts(value: unknown): string[] {
  return list(value).filter((item): item is string => typeof item === "string");
}

function numbers(value: unknown): number[] {
  return list(value).filter((item): item is number => typeof item === "number");
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
