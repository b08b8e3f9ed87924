/** A table of modules × layers whose cells are colours, walked by arrow keys. */

export interface Square {
  /** `#rrggbb`, or any other colour. */
  readonly colour: string;
  readonly words: string;
  readonly selected?: boolean;
}

export interface Line {
  readonly name: string;
  /** Null where there is nothing. */
  readonly squares: readonly (Square | null)[];
}

export interface Grid {
  readonly label: string;
  readonly layers: readonly number[];
  readonly lines: readonly Line[];
}

/** `tell` is given the words of the cell that is pointed to, or "" when none is any more. */
export function gridOf(grid: Grid, tell: (words: string) => void): HTMLTableElement {
  const table = element("table", "heatmap");
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", `${grid.label}; arrow keys move`);
  const head = table.createTHead().insertRow();
  head.append(headCell("col", "Module, by layer"));
  for (const layer of grid.layers) {
    // Numbers of two digits do not fit above every narrow column.
    const seen = grid.layers.length <= 16 || layer % 5 === 0;
    const cell = headCell("col", "", `Layer ${layer}`);
    cell.append(element("span", seen ? "" : "visually-hidden", String(layer)));
    head.append(cell);
  }
  const body = table.createTBody();
  for (const line of grid.lines) body.append(rowOf(line, tell));
  walkable(table);
  table.addEventListener("pointerleave", () => tell(""));
  return table;
}

/** A strip of colours from one end of a scale to the other. */
export function scaleOf(colour: (share: number) => string, steps = 24): HTMLElement {
  const scale = element("span", "map-scale");
  scale.setAttribute("aria-hidden", "true");
  for (let i = 0; i < steps; i++) {
    const step = element("i");
    step.style.setProperty("--heat", colour(i / (steps - 1)));
    scale.append(step);
  }
  return scale;
}

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  kind = "",
  text = "",
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}

function rowOf(line: Line, tell: (words: string) => void): HTMLTableRowElement {
  const row = element("tr");
  const head = headCell("row", "", line.name);
  const dot = line.name.lastIndexOf(".");
  if (dot >= 0) head.append(element("span", "block", line.name.slice(0, dot + 1)));
  head.append(line.name.slice(dot + 1));
  row.append(head, ...line.squares.map((square) => cellOf(square, tell)));
  return row;
}

function cellOf(square: Square | null, tell: (words: string) => void): HTMLTableCellElement {
  const cell = element("td");
  cell.setAttribute("role", "gridcell");
  if (!square) return cell;
  cell.style.setProperty("--heat", square.colour);
  cell.classList.toggle("selected", square.selected ?? false);
  cell.setAttribute("aria-label", square.words);
  cell.addEventListener("pointerenter", () => tell(square.words));
  cell.addEventListener("focus", () => tell(square.words));
  return cell;
}

/** One stop for the Tab key; arrows, Home and End go from cell to cell. */
function walkable(table: HTMLTableElement): void {
  const cells = [...table.tBodies[0]!.rows].map((row) => [...row.cells].slice(1));
  let [y, x] = [0, 0];
  const go = (newY: number, newX: number): void => cells[newY]?.[newX]?.focus();
  // A cell that is clicked has the focus, too.
  table.addEventListener("focusin", ({ target }) => {
    const row = cells.findIndex((line) => line.includes(target as HTMLTableCellElement));
    if (row < 0) return;
    cells[y]![x]!.tabIndex = -1;
    [y, x] = [row, cells[row]!.indexOf(target as HTMLTableCellElement)];
    cells[y]![x]!.tabIndex = 0;
  });
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
}

function headCell(scope: "row" | "col", text: string, title = ""): HTMLTableCellElement {
  const cell = element("th", "", text);
  cell.scope = scope;
  if (title) cell.title = title;
  return cell;
}
