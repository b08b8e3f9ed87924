/** Plots in the page's own colours. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { number } from "../charts/words";

const NARROW = 300; // px: numbers stand closer together

export type Inks = Record<"text" | "grid" | "accent" | "faint" | "second" | "held", string>;

/** The page's own colours, as a canvas understands them. */
export function inks(element: HTMLElement): Inks {
  const probe = document.createElement("span");
  probe.style.transitionProperty = "none"; // or the colour before would be read
  element.append(probe);
  const of = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    text: of("--muted"),
    grid: of("--line"),
    accent: of("--accent"),
    faint: of("--curve-raw"),
    second: of("--copper"),
    held: of("--curve-held"),
  };
  probe.remove();
  return found;
}

export interface Wanted {
  readonly place: HTMLElement;
  readonly height: number;
  readonly series: readonly uPlot.Series[];
  readonly y: uPlot.Scale;
  readonly ink: Inks;
  readonly moved: (at: number | null | undefined) => void;
}

/** An empty plot over the steps; all plots of a page show the same step under the pointer. */
export function plotOf({ place, height, series, y, ink, moved }: Wanted): uPlot {
  const options: uPlot.Options = {
    width: place.clientWidth,
    height,
    series: [{}, ...series],
    legend: { show: false },
    cursor: { sync: { key: "curves" }, y: false },
    scales: { x: { time: false }, y },
    axes: [axis(ink, 28, place.clientWidth < NARROW ? 40 : 64), axis(ink, 54, 32)],
    padding: [8, 14, 0, 0],
    hooks: { setCursor: [(plot) => moved(plot.cursor.idx)] },
  };
  return new uPlot(options, [[], ...series.map(() => [])], place);
}

/** As wide as its place is now. */
export function fit(plot: uPlot): void {
  const width = (plot.root.parentElement as HTMLElement).clientWidth;
  if (width && width !== plot.width) plot.setSize({ width, height: plot.height });
}

function axis(ink: Inks, size: number, space: number): uPlot.Axis {
  return {
    stroke: ink.text,
    grid: { stroke: ink.grid, width: 1 },
    ticks: { show: false },
    font: "12px Inter, system-ui, sans-serif",
    size,
    space,
    values: (_, splits) => splits.map((value) => (value === null ? "" : number(value))),
  };
}
