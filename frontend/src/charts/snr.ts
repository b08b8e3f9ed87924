/** The report of a Spectrum scan, read into rows (types of modules) and columns (layers). */

export interface Cell {
  readonly module: string;
  readonly type: string;
  readonly layer: number;
  readonly snr: number;
  readonly selected: boolean;
  /** 1 is the highest of its type. */
  readonly rank: number;
}

export interface Row {
  readonly type: string;
  /** The part before the last dot, such as `self_attn`; empty when there is none. */
  readonly block: string;
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** By layer; null where the layer has no such module. */
  readonly cells: readonly (Cell | null)[];
}

export interface SnrMap {
  /** Null when the modules were chosen by what fits in memory. */
  readonly percent: number | null;
  readonly layers: number;
  readonly low: number;
  readonly high: number;
  readonly selected: number;
  readonly total: number;
  readonly rows: readonly Row[];
}

export type Shading = "type" | "all";

const WIDEST = 1000; // the highest value to the lowest that is still told apart

interface Entry {
  module: string;
  type: string;
  layer: number;
  snr: number;
  selected: boolean;
}

/** Null when the data is no such report. */
export function readSnr(data: unknown): SnrMap | null {
  if (!isObject(data) || !Array.isArray(data.rows) || !Array.isArray(data.types)) return null;
  const entries = data.rows.filter(isEntry);
  if (entries.length === 0) return null;
  const layers = Math.max(...entries.map((entry) => entry.layer)) + 1;
  const rows = data.types
    .filter((type): type is string => typeof type === "string")
    .map((type) => rowOf(type, entries.filter((entry) => entry.type === type), layers))
    .filter((row) => row.count > 0);
  return {
    percent: typeof data.percent === "number" ? data.percent : null,
    layers,
    low: Math.min(...rows.map((row) => row.low)),
    high: Math.max(...rows.map((row) => row.high)),
    selected: entries.filter((entry) => entry.selected).length,
    total: entries.length,
    rows,
  };
}

/**
 * Where a value stands between the lowest and the highest: of its type, or of all modules.
 * These are ratios, so the scale is logarithmic; otherwise one outlier makes all others equal.
 */
export function shareOf(cell: Cell, row: Row, map: SnrMap, shading: Shading): number {
  const [low, high] = shading === "type" ? [row.low, row.high] : [map.low, map.high];
  if (high <= low) return 0.5;
  const least = Math.max(low, high / WIDEST);
  return Math.log(Math.max(cell.snr, least) / least) / Math.log(high / least);
}

function rowOf(type: string, entries: readonly Entry[], layers: number): Row {
  const cells: (Cell | null)[] = Array.from({ length: layers }, () => null);
  const ranked = [...entries].sort((a, b) => b.snr - a.snr);
  ranked.forEach((entry, i) => {
    cells[entry.layer] = { ...entry, rank: i + 1 };
  });
  const dot = type.lastIndexOf(".");
  return {
    type,
    block: dot < 0 ? "" : type.slice(0, dot),
    label: type.slice(dot + 1),
    low: ranked[ranked.length - 1]?.snr ?? 0,
    high: ranked[0]?.snr ?? 0,
    count: ranked.length,
    cells,
  };
}

function isEntry(value: unknown): value is Entry {
  return (
    isObject(value) &&
    typeof value.module === "string" &&
    typeof value.type === "string" &&
    Number.isInteger(value.layer) &&
    (value.layer as number) >= 0 &&
    typeof value.snr === "number" &&
    Number.isFinite(value.snr) &&
    typeof value.selected === "boolean"
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
