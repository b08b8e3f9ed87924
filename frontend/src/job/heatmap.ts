/** The signal-to-noise map: a table of modules × layers whose cells are colours. */

import { heat } from "../charts/colours";
import { shareOf, type Cell, type Row, type Shading, type SnrMap } from "../charts/snr";
import { number } from "../charts/words";
import { element, gridOf, scaleOf, type Square } from "./grid";

export class HeatMap {
  private shading: Shading = "type";
  private map: SnrMap | null = null;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private readonly place: HTMLElement;
  private readonly told: HTMLElement;

  constructor(private readonly card: HTMLElement) {
    this.place = card.querySelector<HTMLElement>("[data-map]")!;
    this.told = element("p", "map-told");
    this.dark.addEventListener("change", () => this.draw());
    for (const button of card.querySelectorAll<HTMLButtonElement>("[data-shading]")) {
      button.addEventListener("click", () => this.shade(button.dataset.shading as Shading));
    }
  }

  show(map: SnrMap): void {
    this.map = map;
    this.card.querySelector("[data-tools]")?.removeAttribute("hidden");
    this.draw();
  }

  private shade(shading: Shading): void {
    this.shading = shading;
    for (const button of this.card.querySelectorAll<HTMLButtonElement>("[data-shading]")) {
      button.setAttribute("aria-pressed", String(button.dataset.shading === shading));
    }
    this.draw();
  }

  private draw(): void {
    const { map } = this;
    if (!map) return;
    const grid = {
      label: "Signal-to-noise ratio of every module",
      layers: Array.from({ length: map.layers }, (_, layer) => layer),
      lines: map.rows.map((row) => ({
        name: row.type,
        squares: row.cells.map((cell) => cell && this.squareOf(cell, row, map)),
      })),
    };
    const scroller = element("div", "scroll");
    scroller.append(
      gridOf(grid, (words) => {
        this.told.textContent = words || summary(map);
      }),
    );
    this.place.replaceChildren(scroller, this.told, this.legend(map));
    this.told.textContent = summary(map);
  }

  private squareOf(cell: Cell, row: Row, map: SnrMap): Square {
    const colour = heat(shareOf(cell, row, map, this.shading), this.dark.matches);
    return { colour, words: words(cell, row), selected: cell.selected };
  }

  private legend(map: SnrMap): HTMLElement {
    const legend = element("div", "map-legend");
    const scale = scaleOf((share) => heat(share, this.dark.matches));
    const [low, high] =
      this.shading === "all"
        ? [number(map.low, 3), number(map.high, 3)]
        : ["lowest of its type", "highest"];
    const selected = element("span", "snr-selected-key");
    selected.append(element("i"), "is trained");
    legend.append(low, scale, high, element("span", "faint", "logarithmic"), selected);
    return legend;
  }
}

function summary(map: SnrMap): string {
  const which =
    map.percent === null
      ? "the best that fit in memory"
      : `the best ${number(map.percent)}% of each type`;
  return `${map.selected} of ${map.total} modules are trained: ${which}.`;
}

function words(cell: Cell, row: Row): string {
  const trained = cell.selected ? ", trained" : "";
  return `Layer ${cell.layer}, ${cell.type}: ${number(cell.snr)}, number ${cell.rank} of ${row.count}${trained}`;
}
