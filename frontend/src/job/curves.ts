/** Learning curves: the training loss, raw and smoothed, with the held-out loss; other metrics below.

Another card names its own: data-main and data-second for the two curves, data-heads for its table. */

import type uPlot from "uplot";

import { alignedSteps, Curve, lastUntil, sampled, smooth } from "../charts/series";
import { count, number } from "../charts/words";
import { h } from "../dom";
import { METRICS, Panel } from "./panels";
import { fit, inks, plotOf } from "./plots";

const MOST_POINTS = 2000;
const MOST_ROWS = 50;
const REDRAW = 250; // ms between two drawings while points come in

type Scale = "linear" | "log";
type Values = (number | null)[];

export class Curves {
  private readonly curves = new Map<string, Curve>();
  private readonly main: string;
  private readonly second: string;
  private readonly heads: readonly string[];
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private readonly panels = new Map<string, Panel>();
  private plot: uPlot | null = null;
  private steps: number[] = [];
  private drawn: Record<"raw" | "smooth" | "held", Values> = { raw: [], smooth: [], held: [] };
  private scale: Scale = "linear";
  private timer: number | undefined;

  constructor(private readonly card: HTMLElement) {
    this.main = card.dataset.main ?? "loss";
    this.second = card.dataset.second ?? "evaluation_loss";
    this.heads = (card.dataset.heads ?? "Step,Loss,Held-out loss").split(",");
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

  private get heldOut(): Curve | undefined {
    return this.curves.get(this.second);
  }

  private rescale(scale: Scale): void {
    this.scale = scale;
    for (const button of this.card.querySelectorAll<HTMLButtonElement>("[data-scale]")) {
      button.setAttribute("aria-pressed", String(button.dataset.scale === scale));
    }
    this.rebuild();
  }

  private rebuild(): void {
    this.plot?.destroy();
    this.plot = null;
    for (const panel of this.panels.values()) panel.forget();
    this.draw();
  }

  private resize(): void {
    if (this.plot) fit(this.plot);
    for (const panel of this.panels.values()) panel.fit();
  }

  private draw(): void {
    const loss = this.curves.get(this.main);
    if (!loss?.size) return;
    this.align(loss);
    this.reveal();
    const ink = inks(this.card);
    const moved = (at: number | null | undefined): void => this.read(at);
    this.plot ??= this.build(moved);
    const { raw, smooth: smoothed, held } = this.drawn;
    this.plot.setData([this.steps, raw, smoothed, held]);
    for (const panel of this.shownPanels()) panel.draw(this.steps, ink, moved);
    this.read(this.plot.cursor.idx);
    this.tabulate();
  }

  /** All curves over the same steps. Smoothed before it is thinned: what is left out still counts. */
  private align(loss: Curve): void {
    const all = loss.points();
    const smoothed = smooth(all.map(([, value]) => value), Number(this.smoothing?.value ?? 0));
    const byStep = new Map(all.map(([step], i) => [step, smoothed[i]!]));
    this.steps = alignedSteps(all, this.heldOut?.steps() ?? [], MOST_POINTS);
    this.drawn = {
      raw: this.steps.map((step) => loss.at(step) ?? null),
      smooth: this.steps.map((step) => byStep.get(step) ?? null),
      held: this.steps.map((step) => this.heldOut?.at(step) ?? null),
    };
  }

  private reveal(): void {
    for (const part of ["[data-tools]", "[data-table]", "[data-readout]"]) {
      this.card.querySelector(part)?.removeAttribute("hidden");
    }
    this.card.querySelector<HTMLElement>(".of-held")!.hidden = !this.heldOut;
  }

  private build(moved: (at: number | null | undefined) => void): uPlot {
    const ink = inks(this.card);
    return plotOf({
      place: this.card.querySelector<HTMLElement>('[data-chart="loss"]')!,
      height: 280,
      series: [
        { stroke: ink.faint, width: 1, points: { show: false }, spanGaps: true },
        { stroke: ink.accent, width: 2, points: { show: false }, spanGaps: true },
        {
          stroke: ink.held,
          width: 2,
          spanGaps: true,
          points: { show: true, size: 6, fill: ink.held, stroke: ink.held },
        },
      ],
      y: { distr: this.scale === "log" ? 3 : 1 },
      ink,
      moved,
    });
  }

  /** In their order; a new one finds its place. */
  private shownPanels(): Panel[] {
    const place = this.card.querySelector<HTMLElement>("[data-panels]")!;
    const shown: Panel[] = [];
    for (const metric of METRICS) {
      const curve = this.curves.get(metric.name);
      if (!curve?.size) continue;
      const panel = this.panels.get(metric.name) ?? new Panel(metric, curve);
      this.panels.set(metric.name, panel);
      shown.push(panel);
    }
    if (place.childElementCount !== shown.length) {
      place.replaceChildren(...shown.map((panel) => panel.root));
    }
    return shown;
  }

  /** The values under the pointer, or the last ones. */
  private read(at: number | null | undefined): void {
    const i = at ?? this.steps.length - 1;
    const held = lastUntil(this.drawn.held, i);
    const texts: Record<string, string> = {
      step: count(this.steps[i] ?? 0),
      loss: number(this.drawn.raw[i] ?? NaN),
      smooth: number(this.drawn.smooth[i] ?? NaN),
      held: number(held ?? NaN),
    };
    for (const place of this.card.querySelectorAll<HTMLElement>("[data-value]")) {
      place.textContent = texts[place.dataset.value ?? ""] ?? "";
    }
    for (const panel of this.panels.values()) panel.read(i);
  }

  /** The same numbers for those who read rather than look; made only when it is open. */
  private tabulate(): void {
    const details = this.card.querySelector<HTMLDetailsElement>("[data-table]");
    const place = details?.querySelector("div");
    if (!details?.open || !place) return;
    const metrics = METRICS.filter(({ name }) => this.curves.get(name)?.size);
    const held = this.heldOut;
    const heads = [...this.heads.slice(0, held ? 3 : 2), ...metrics.map((m) => m.title)];
    const told = (curve: Curve | undefined, step: number, words: (value: number) => string): string => {
      const value = curve?.at(step);
      return value === undefined ? "–" : words(value);
    };
    const rows = sampled(this.steps, MOST_ROWS).map((step) => [
      count(step),
      told(this.curves.get(this.main), step, number),
      ...(held ? [told(held, step, number)] : []),
      ...metrics.map(({ name, words }) => told(this.curves.get(name), step, words)),
    ]);
    place.replaceChildren(tableOf(heads, rows));
  }
}

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const cells = (name: string, texts: readonly string[], attributes = {}): HTMLElement =>
    h("tr", {}, ...texts.map((text) => h(name, attributes, text)));
  return h(
    "table.table",
    {},
    h("thead", {}, cells("th.num", heads, { scope: "col" })),
    h("tbody", {}, ...rows.map((texts) => cells("td.num", texts))),
  );
}
