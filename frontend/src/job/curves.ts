/** The loss curve, raw and smoothed, and the learning rate below it. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { Curve, sampled, smooth, thinned, type Point } from "../charts/series";
import { count, number } from "../charts/words";

const MOST_POINTS = 2000;
const MOST_ROWS = 50;
const HEIGHTS = { loss: 280, rate: 120 };
const REDRAW = 250; // ms between two drawings while points come in

type Scale = "linear" | "log";

export class Curves {
  private readonly curves = new Map<string, Curve>();
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private plots: uPlot[] = [];
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
    const data = this.columns(loss);
    if (this.plots.length === 0) this.build();
    this.plots[0]!.setData([data.steps, data.raw, data.smooth]);
    this.plots[1]?.setData([data.steps, data.rate]);
    this.tabulate();
  }

  private columns(loss: Curve): Record<"steps" | "raw" | "smooth" | "rate", number[]> {
    // Smoothed before it is thinned, so that zooming out does not change the curve.
    const all = loss.points();
    const smoothed = smooth(all.map(([, value]) => value), Number(this.smoothing?.value ?? 0));
    const bySteps = new Map(all.map(([step], i) => [step, smoothed[i]!]));
    const kept = thinned(all, MOST_POINTS);
    const rate = this.curves.get("learning_rate");
    return {
      steps: kept.map(([step]) => step),
      raw: kept.map(([, value]) => value),
      smooth: kept.map(([step]) => bySteps.get(step)!),
      rate: kept.map(([step]) => rate?.at(step) ?? NaN),
    };
  }

  private build(): void {
    this.card.querySelector("[data-tools]")?.removeAttribute("hidden");
    this.card.querySelector("[data-table]")?.removeAttribute("hidden");
    this.card.querySelector("[data-empty]")?.setAttribute("hidden", "");
    const ink = inks(this.card);
    const lossPlace = this.card.querySelector<HTMLElement>('[data-chart="loss"]')!;
    const ratePlace = this.card.querySelector<HTMLElement>('[data-chart="rate"]')!;
    const sync = { key: "curves" };
    const shown = (_: uPlot, value: number | null): string =>
      value === null ? "–" : number(value);
    this.plots = [
      new uPlot(
        {
          width: lossPlace.clientWidth,
          height: HEIGHTS.loss,
          cursor: { sync, focus: { prox: 24 } },
          scales: { x: { time: false }, y: { distr: this.scale === "log" ? 3 : 1 } },
          axes: [axis(ink, "step"), axis(ink)],
          series: [
            { label: "Step", value: (_, step) => (step === null ? "–" : count(step)) },
            { label: "Loss", stroke: ink.faint, width: 1, value: shown, points: { show: false } },
            { label: "Smoothed", stroke: ink.accent, width: 2, value: shown, points: { show: false } },
          ],
        },
        [[], [], []],
        lossPlace,
      ),
      new uPlot(
        {
          width: ratePlace.clientWidth,
          height: HEIGHTS.rate,
          cursor: { sync },
          scales: { x: { time: false }, y: { range: (_, __, high) => [0, high * 1.1 || 1] } },
          axes: [axis(ink), axis(ink)],
          series: [
            { label: "Step", value: (_, step) => (step === null ? "–" : count(step)) },
            { label: "Learning rate", stroke: ink.second, width: 1.5, value: shown, points: { show: false } },
          ],
        },
        [[], []],
        ratePlace,
      ),
    ];
  }

  /** The same numbers for those who read rather than look; made only when it is open. */
  private tabulate(): void {
    const details = this.card.querySelector<HTMLDetailsElement>("[data-table]");
    const place = details?.querySelector("div");
    if (!details?.open || !place) return;
    const rate = this.curves.get("learning_rate");
    const rows = sampled<Point>(this.curves.get("loss")?.points() ?? [], MOST_ROWS);
    const table = document.createElement("table");
    table.className = "table";
    const head = table.createTHead().insertRow();
    for (const name of ["Step", "Loss", "Learning rate"]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const [step, value] of rows) {
      const line = body.insertRow();
      const texts = [count(step), number(value), number(rate?.at(step) ?? NaN)];
      for (const text of texts) line.insertCell().textContent = text;
    }
    place.replaceChildren(table);
  }
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

function axis(ink: Inks, label?: string): uPlot.Axis {
  return {
    stroke: ink.text,
    grid: { stroke: ink.grid, width: 1 },
    ticks: { stroke: ink.grid, width: 1 },
    font: "12px system-ui, sans-serif",
    size: label ? 40 : undefined,
    values: (_, values) => values.map((value) => (value === null ? "" : number(value))),
  } as uPlot.Axis;
}
