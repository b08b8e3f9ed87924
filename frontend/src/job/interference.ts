/** The interference map: where the task vectors of two models point together, and where apart. */

import { strengthOf, type Figure, type Interference, type Pair } from "../charts/interference";
import { number } from "../charts/words";
import { element, gridOf, scaleOf, type Line, type Square } from "./grid";

type Names = Readonly<Record<string, string>>;

// Of a figure: what it tells, and the ends of its scale.
const TOLD: Readonly<Record<Figure, readonly [meaning: string, low: string, high: string]>> = {
  cosine: ["Of the angle between the two changes: 0 is unrelated", "−1, opposite", "1, alike"],
  conflict: [
    "Share that the two moved in opposite directions, of what both moved; unrelated changes: 50%",
    "0%",
    "50% and more",
  ],
  weighted_conflict: ["The same share, larger moves counting for more", "0%", "50% and more"],
  overlap: ["Share that both moved the most, of what one did", "0%", "100%"],
};

export class InterferenceMap {
  private figure: Figure = "cosine";
  private map: Interference | null = null;
  private readonly place: HTMLElement;
  private readonly told: HTMLElement;
  private readonly choice: HTMLSelectElement;

  constructor(
    private readonly card: HTMLElement,
    private readonly names: Names,
  ) {
    this.place = card.querySelector<HTMLElement>("[data-map]")!;
    this.choice = card.querySelector<HTMLSelectElement>("[data-pair]")!;
    this.told = element("p", "map-told");
    this.choice.addEventListener("change", () => this.draw());
    for (const button of this.buttons) {
      button.addEventListener("click", () => this.choose(button.dataset.figure as Figure));
    }
  }

  show(map: Interference): void {
    this.map = map;
    this.choice.replaceChildren(
      ...map.pairs.map((pair, i) => new Option(this.titleOf(pair), String(i))),
    );
    this.choice.closest("label")!.hidden = map.pairs.length < 2;
    for (const tool of this.card.querySelectorAll("[data-tools]")) tool.removeAttribute("hidden");
    this.draw();
  }

  private get buttons(): HTMLButtonElement[] {
    return [...this.card.querySelectorAll<HTMLButtonElement>("[data-figure]")];
  }

  private choose(figure: Figure): void {
    this.figure = figure;
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.figure === figure));
    }
    this.draw();
  }

  private draw(): void {
    const pair = this.map?.pairs[Number(this.choice.value)];
    if (!this.map || !pair) return;
    const scroller = element("div", "scroll");
    const tell = (words: string): void => {
      this.told.textContent = words || this.summary(pair);
    };
    const label = `How ${this.titleOf(pair)} meet: ${this.figure.replace("_", " ")}`;
    const lines = this.linesOf(this.map, pair);
    scroller.append(gridOf({ label, layers: this.map.layers, lines }, tell));
    this.place.replaceChildren(scroller, this.told, this.legend());
    tell("");
  }

  private linesOf(map: Interference, pair: Pair): Line[] {
    const inside = map.modules.map((name, y) => ({
      name,
      squares: map.layers.map((layer, x) =>
        this.squareOf(pair.maps[this.figure][y]?.[x] ?? null, `Layer ${layer}, ${name}`),
      ),
    }));
    const outside = map.outside.map((name, i) => ({
      name,
      squares: [this.squareOf(pair.outside[this.figure][i] ?? null, name)],
    }));
    return [...inside, ...outside];
  }

  private squareOf(value: number | null, where: string): Square {
    if (value === null) return { colour: "transparent", words: `${where}: nothing to compare` };
    return { colour: colourOf(value, this.figure), words: `${where}: ${this.words(value)}` };
  }

  private legend(): HTMLElement {
    const legend = element("div", "map-legend");
    const [meaning, low, high] = TOLD[this.figure];
    const least = this.figure === "cosine" ? -1 : 0;
    const most = this.figure === "cosine" || this.figure === "overlap" ? 1 : 0.5;
    const scale = scaleOf((share) => colourOf(least + share * (most - least), this.figure));
    legend.append(low, scale, high, element("span", "map-meaning", meaning));
    return legend;
  }

  private summary(pair: Pair): string {
    const total = pair.total[this.figure];
    if (total === null) return "One of the two is the same as the base.";
    return `All together: ${this.words(total)}`;
  }

  private words(value: number): string {
    return this.figure === "cosine" ? number(value, 3) : `${number(100 * value, 3)}%`;
  }

  private titleOf({ a, b }: Pair): string {
    return `${this.nameOf(a)} and ${this.nameOf(b)}`;
  }

  /** Of a model, or of a model and its adapter. */
  private nameOf(reference: string): string {
    return reference.split("+").map((part) => this.names[part] ?? part).join(" + ");
  }
}

/** The page's own colours, mixed by the browser, so that they follow light and dark. */
function colourOf(value: number, figure: Figure): string {
  const ink = figure === "cosine" || figure === "overlap" ? "--map-together" : "--map-apart";
  const hue = figure === "cosine" && value < 0 ? "--map-apart" : ink;
  const share = Math.round(100 * strengthOf(value, figure));
  return `color-mix(in oklab, var(${hue}) ${share}%, var(--map-nothing))`;
}
