/** The signal-to-noise map: a table of modules × layers whose cells are colours. */

import { heat } from "../charts/colours";
import { shareOf, type Cell, type Row, type Shading, type SnrMap } from "../charts/snr";
import { number } from "../charts/words";

const LEGEND_STEPS = 24;

export class HeatMap {
  private shading: Shading = "type";
  private map: SnrMap | null = null;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private readonly place: HTMLElement;
  private readonly told: HTMLElement;

  constructor(private readonly card: HTMLElement) {
    this.place = card.querySelector<HTMLElement>("[data-map]")!;
    this.told = element("p", "snr-told");
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
    if (!this.map) return;
    const scroller = element("div", "scroll");
    scroller.append(this.table(this.map));
    this.place.replaceChildren(scroller, this.told, this.legend(this.map));
    this.told.textContent = summary(this.map);
  }

  private table(map: SnrMap): HTMLTableElement {
    const table = element("table", "heatmap");
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", "Signal-to-noise ratio of every module; arrow keys move");
    const head = table.createTHead().insertRow();
    head.append(headCell("col", "Module, by layer"));
    for (let layer = 0; layer < map.layers; layer++) {
      // Numbers of two digits do not fit above every narrow column.
      const seen = map.layers <= 16 || layer % 5 === 0;
      const cell = headCell("col", "", `Layer ${layer}`);
      cell.append(element("span", seen ? "" : "visually-hidden", String(layer)));
      head.append(cell);
    }
    const body = table.createTBody();
    for (const row of map.rows) body.append(this.rowOf(row, map));
    this.walkable(table);
    return table;
  }

  private rowOf(row: Row, map: SnrMap): HTMLTableRowElement {
    const line = element("tr");
    const head = headCell("row", "", row.type);
    if (row.block) head.append(element("span", "block", `${row.block}.`));
    head.append(row.label);
    line.append(head);
    for (const cell of row.cells) line.append(this.cellOf(cell, row, map));
    return line;
  }

  private cellOf(cell: Cell | null, row: Row, map: SnrMap): HTMLTableCellElement {
    const square = element("td");
    square.setAttribute("role", "gridcell");
    if (!cell) return square;
    const colour = heat(shareOf(cell, row, map, this.shading), this.dark.matches);
    square.style.setProperty("--heat", colour);
    square.classList.toggle("selected", cell.selected);
    square.setAttribute("aria-label", words(cell, row));
    const tell = (): void => {
      this.told.textContent = words(cell, row);
    };
    square.addEventListener("pointerenter", tell);
    square.addEventListener("focus", tell);
    return square;
  }

  /** One stop for the Tab key; arrows, Home and End go from cell to cell. */
  private walkable(table: HTMLTableElement): void {
    const cells = [...table.tBodies[0]!.rows].map((row) => [...row.cells].slice(1));
    let [y, x] = [0, 0];
    const go = (newY: number, newX: number): void => {
      const target = cells[newY]?.[newX];
      if (!target) return;
      cells[y]![x]!.tabIndex = -1;
      [y, x] = [newY, newX];
      target.tabIndex = 0;
      target.focus();
    };
    for (const cell of cells.flat()) cell.tabIndex = -1;
    if (cells[0]?.[0]) cells[0][0].tabIndex = 0;
    table.addEventListener("keydown", (event) => {
      const last = (cells[y]?.length ?? 1) - 1;
      const moves: Record<string, [number, number]> = {
        ArrowLeft: [y, x - 1],
        ArrowRight: [y, x + 1],
        ArrowUp: [y - 1, x],
        ArrowDown: [y + 1, x],
        Home: [y, 0],
        End: [y, last],
      };
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      go(...move);
    });
    table.addEventListener("pointerleave", () => {
      if (this.map) this.told.textContent = summary(this.map);
    });
  }

  private legend(map: SnrMap): HTMLElement {
    const legend = element("div", "snr-legend");
    const scale = element("span", "snr-scale");
    scale.setAttribute("aria-hidden", "true");
    for (let i = 0; i < LEGEND_STEPS; i++) {
      const step = element("i");
      step.style.setProperty("--heat", heat(i / (LEGEND_STEPS - 1), this.dark.matches));
      scale.append(step);
    }
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
  return `${map.selected} of ${map.total} modules are trained: the best ${number(map.percent)}% of each type.`;
}

function words(cell: Cell, row: Row): string {
  const trained = cell.selected ? ", trained" : "";
  return `Layer ${cell.layer}, ${cell.type}: ${number(cell.snr)}, number ${cell.rank} of ${row.count}${trained}`;
}

function headCell(scope: "row" | "col", text: string, title = ""): HTMLTableCellElement {
  const cell = element("th", "", text);
  cell.scope = scope;
  if (title) cell.title = title;
  return cell;
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  kind = "",
  text = "",
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}
