/** Small plots below the loss: a metric each, shown as soon as there is a point of it. */

import type uPlot from "uplot";

import type { Curve } from "../charts/series";
import { number } from "../charts/words";
import { h } from "../dom";
import { fit, plotOf, type Inks } from "./plots";

const HEIGHT = 104;

export interface Metric {
  readonly name: string;
  readonly title: string;
  readonly words: (value: number) => string;
  /** The highest value there can be. */
  readonly most?: number;
  /** Whether values below zero have a meaning. */
  readonly signed?: boolean;
}

export const METRICS: readonly Metric[] = [
  { name: "preferred", title: "Preference accuracy", words: percent, most: 1 },
  { name: "margin", title: "Reward margin", words: (value) => number(value, 3), signed: true },
  { name: "spread", title: "Spread of the search", words: (value) => number(value, 3) },
  { name: "tokens_per_second", title: "Tokens a second", words: (value) => number(value, 3) },
  { name: "learning_rate", title: "Learning rate", words: (value) => number(value, 3) },
  { name: "gradient", title: "Gradient norm", words: (value) => number(value, 3) },
];

/** One metric: its name, its value, its curve. */
export class Panel {
  readonly root: HTMLElement;
  private readonly value = h("strong.num");
  private readonly place = h("div");
  private plot: uPlot | null = null;
  private drawn: (number | null)[] = [];

  constructor(
    readonly metric: Metric,
    private readonly curve: Curve,
  ) {
    this.root = h("figure", {}, h("figcaption", {}, metric.title, " ", this.value), this.place);
  }

  draw(steps: readonly number[], ink: Inks, moved: (at: number | null | undefined) => void): void {
    this.plot ??= plotOf({
      place: this.place,
      height: HEIGHT,
      series: [{ stroke: ink.second, width: 1.5, points: { show: false }, spanGaps: true }],
      y: { range: (_, low, high) => rangeOf(this.metric, low, high) },
      ink,
      moved,
    });
    this.drawn = steps.map((step) => this.curve.at(step) ?? null);
    this.plot.setData([[...steps], this.drawn]);
  }

  read(i: number): void {
    const value = this.drawn[i];
    this.value.textContent = value === null || value === undefined ? "–" : this.metric.words(value);
  }

  fit(): void {
    if (this.plot) fit(this.plot);
  }

  /** Its plot is made anew with the next drawing. */
  forget(): void {
    this.plot?.destroy();
    this.plot = null;
  }
}

/** From zero, so that heights can be compared. */
export function rangeOf(metric: Metric, low: number | null, high: number | null): [number, number] {
  const [least, most] = [Math.min(0, low ?? 0), Math.max(0, high ?? 0)];
  const top = metric.most ?? most;
  return [metric.signed ? 1.1 * least : 0, 1.1 * top || (least ? 0 : 1)];
}

function percent(value: number): string {
  return `${number(100 * value, 3)}%`;
}
