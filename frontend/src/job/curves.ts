/** The loss curve, raw and smoothed, with the learning rate below it. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { Curve, sampled, smooth, thinned, type Point } from "../charts/series";
import { count, number } from "../charts/words";

const MOST_POINTS = 2000;
const MOST_ROWS = 50;
const REDRAW = 250; // ms between two drawings while points come in

type Scale = "linear" | "log";
type Columns = Record<"steps" | "raw" | "smooth" | "rate", number[]>;

export class Curves {
  private readonly curves = new Map<string, Curve>();
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private plots: uPlot[] = [];
  private drawn: Columns = { steps: [], raw: [], smooth: [], rate: [] };
  private scale: Scale = "linear";
  private timer: number | undefined;

  constructor(private readonly card: HTMLElement) {
    this.smoothing?.addEventListener("input", () => this.draw());
    for (const button of card.querySelectorAll<HTMLButtonElement>("[data-scale]")) {
      button.addEventListener("click", () => this.rescale(button.dataset.scale as Scale));
    }
    this.dark.addEventListener("change", () => this.rebuild());
    new ResizeObserver(() => this.resize()).observe(card);
    card.querySelector("[data-table]")?.addEventListener("toggle", () => this.tabulate());
  }

  add(name: string, step: number, value: number): void {
    const curve = this.curves.get(name) ?? new Curve();
    this.curves.set(name, curve);
    curve.add(step, value);
    this.timer ??= window.setTimeout(() => {
      this.timer = undefined;
      this.draw();
    }, REDRAW);
  }

  private get smoothing(): HTMLInputElement | null {
    return this.card.querySelector("[data-smoothing]");
  }

  private rescale(scale: Scale): void {
    this.scale = scale;
    for (const button of this.card.querySelectorAll<HTMLButtonElement>("[data-scale]")) {
      button.setAttribute("aria-pressed", String(button.dataset.scale === scale));
    }
    this.rebuild();
  }

  private rebuild(): void {
    for (const plot of this.plots) plot.destroy();
    this.plots = [];
    this.draw();
  }

  private resize(): void {
    for (const plot of this.plots) {
      const width = (plot.root.parentElement as HTMLElement).clientWidth;
      if (width && width !== plot.width) plot.setSize({ width, height: plot.height });
    }
  }

  private draw(): void {
    const loss = this.curves.get("loss");
    if (!loss?.size) return;
    this.drawn = this.columns(loss);
    if (this.plots.length === 0) this.build();
    const { steps, raw, smooth: smoothed, rate } = this.drawn;
    this.plots[0]!.setData([steps, raw, smoothed]);
    this.plots[1]!.setData([steps, rate]);
    this.read(this.plots[0]!.cursor.idx);
    this.tabulate();
  }

  private columns(loss: Curve): Columns {
    // Smoothed before it is thinned, so that what is left out still counts.
    const all = loss.points();
    const smoothed = smooth(all.map(([, value]) => value), Number(this.smoothing?.value ?? 0));
    const byStep = new Map(all.map(([step], i) => [step, smoothed[i]!]));
    const kept = thinned(all, MOST_POINTS);
    const rate = this.curves.get("learning_rate");
    return {
      steps: kept.map(([step]) => step),
      raw: kept.map(([, value]) => value),
      smooth: kept.map(([step]) => byStep.get(step)!),
      rate: kept.map(([step]) => rate?.at(step) ?? NaN),
    };
  }

  private build(): void {
    for (const part of ["[data-tools]", "[data-table]", "[data-readout]"]) {
      this.card.querySelector(part)?.removeAttribute("hidden");
    }
    const ink = inks(this.card);
    const loss: uPlot.Series[] = [
      {},
      { stroke: ink.faint, width: 1, points: { show: false } },
      { stroke: ink.accent, width: 2, points: { show: false } },
    ];
    const rate: uPlot.Series[] = [{}, { stroke: ink.second, width: 1.5, points: { show: false } }];
    const distr = this.scale === "log" ? 3 : 1;
    const fromZero: uPlot.Range.Function = (_, __, high) => [0, 1.1 * high || 1];
    this.plots = [
      this.plot("loss", 260, loss, { distr }, ink),
      this.plot("rate", 96, rate, { range: fromZero }, ink),
    ];
  }

  private plot(
    name: string,
    height: number,
    series: uPlot.Series[],
    y: uPlot.Scale,
    ink: Inks,
  ): uPlot {
    const place = this.card.querySelector<HTMLElement>(`[data-chart="${name}"]`)!;
    const options: uPlot.Options = {
      width: place.clientWidth,
      height,
      series,
      legend: { show: false },
      cursor: { sync: { key: "curves" }, y: false },
      scales: { x: { time: false }, y },
      axes: [axis(ink, 28, 64), axis(ink, 54, 32)],
      padding: [8, 8, 0, 0],
      hooks: { setCursor: [(plot) => this.read(plot.cursor.idx)] },
    };
    return new uPlot(options, series.map(() => []) as unknown as uPlot.AlignedData, place);
  }

  /** The values under the pointer, or the last ones. */
  private read(at: number | null | undefined): void {
    const { steps, raw, smooth: smoothed, rate } = this.drawn;
    const i = at ?? steps.length - 1;
    const speed = this.curves.get("tokens_per_second")?.at(steps[i] ?? -1);
    const texts: Record<string, string> = {
      step: count(steps[i] ?? 0),
      loss: number(raw[i] ?? NaN),
      smooth: number(smoothed[i] ?? NaN),
      rate: number(rate[i] ?? NaN, 3),
      speed: speed === undefined ? "–" : number(speed, 3),
    };
    for (const place of this.card.querySelectorAll<HTMLElement>("[data-value]")) {
      place.textContent = texts[place.dataset.value ?? ""] ?? "";
    }
  }

  /** The same numbers for those who read rather than look; made only when it is open. */
  private tabulate(): void {
    const details = this.card.querySelector<HTMLDetailsElement>("[data-table]");
    const place = details?.querySelector("div");
    if (!details?.open || !place) return;
    const rate = this.curves.get("learning_rate");
    const rows = sampled<Point>(this.curves.get("loss")?.points() ?? [], MOST_ROWS);
    const texts = rows.map(([step, value]) => [
      count(step),
      number(value),
      number(rate?.at(step) ?? NaN, 3),
    ]);
    place.replaceChildren(tableOf(["Step", "Loss", "Learning rate"], texts));
  }
}

function tableOf(heads: string[], rows: string[][]): HTMLTableElement {
  const table = document.createElement("table");
  table.className = "table";
  const head = table.createTHead().insertRow();
  for (const name of heads) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const texts of rows) {
    const line = body.insertRow();
    for (const text of texts) line.insertCell().textContent = text;
  }
  return table;
}

type Inks = Record<"text" | "grid" | "accent" | "faint" | "second", string>;

/** The page's own colours, as a canvas understands them. */
function inks(element: HTMLElement): Inks {
  const probe = document.createElement("span");
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
  };
  probe.remove();
  return found;
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
