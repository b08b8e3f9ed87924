/** Curves as they come in: points out of order, steps told twice, more of them than pixels. */

export type Point = readonly [step: number, value: number];

/** One metric over the steps; of a step that is told again, the newest value counts. */
export class Curve {
  private readonly values = new Map<number, number>();
  private order: number[] | null = [];

  add(step: number, value: number): void {
    // Most points come in order: then nothing needs to be sorted.
    const last = this.order?.[this.order.length - 1];
    if (!this.values.has(step)) {
      if (this.order && (last === undefined || step > last)) this.order.push(step);
      else this.order = null;
    }
    this.values.set(step, value);
  }

  get size(): number {
    return this.values.size;
  }

  steps(): number[] {
    this.order ??= [...this.values.keys()].sort((a, b) => a - b);
    return this.order;
  }

  at(step: number): number | undefined {
    return this.values.get(step);
  }

  points(): Point[] {
    return this.steps().map((step) => [step, this.values.get(step) as number]);
  }
}

/**
 * Exponential moving average without the pull towards zero at the start.
 * `weight` is the share of the past, from 0 (nothing is smoothed) to below 1.
 */
export function smooth(values: readonly number[], weight: number): number[] {
  let sum = 0;
  let total = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return total ? sum / total : value;
    sum = sum * weight + value * (1 - weight);
    total = total * weight + (1 - weight);
    return sum / total;
  });
}

/**
 * At most about `most` points that look like all of them: of every stretch the lowest and the
 * highest, so that no spike is lost, and both ends.
 */
export function thinned(points: readonly Point[], most: number): Point[] {
  if (points.length <= most || most < 4) return [...points];
  const stretches = Math.floor((most - 2) / 2);
  const inner = points.length - 2;
  const kept = [points[0] as Point];
  for (let i = 0; i < stretches; i++) {
    const begin = 1 + Math.floor((i * inner) / stretches);
    const end = 1 + Math.floor(((i + 1) * inner) / stretches);
    kept.push(...extremes(points.slice(begin, end)));
  }
  kept.push(points[points.length - 1] as Point);
  return kept;
}

/** The steps of a thinned curve, and those of another whose points are few and all matter. */
export function alignedSteps(
  points: readonly Point[],
  always: readonly number[],
  most: number,
): number[] {
  const kept = new Set(thinned(points, most).map(([step]) => step));
  for (const step of always) kept.add(step);
  return [...kept].sort((a, b) => a - b);
}

/** The last value up to a place where there is one. */
export function lastUntil(values: readonly (number | null)[], place: number): number | null {
  for (let i = Math.min(place, values.length - 1); i >= 0; i--) {
    const value = values[i];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

function extremes(stretch: readonly Point[]): Point[] {
  let low = stretch[0];
  let high = stretch[0];
  for (const point of stretch) {
    if (low && point[1] < low[1]) low = point;
    if (high && point[1] > high[1]) high = point;
  }
  if (!low || !high) return [];
  if (low === high) return [low];
  return low[0] < high[0] ? [low, high] : [high, low];
}

/** So many rows of a table, evenly spread, always with the first and the last. */
export function sampled<Row>(rows: readonly Row[], most: number): Row[] {
  if (rows.length <= most) return [...rows];
  return Array.from({ length: most }, (_, i) => {
    return rows[Math.round((i * (rows.length - 1)) / (most - 1))] as Row;
  });
}
