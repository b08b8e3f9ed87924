/** A recipe's text with line numbers, and marks on the lines that the report speaks of. */

import { boundsOf, byLine, countLines, indentAfter, type Level, type Mark } from "../forms/lines";

const TINTS: Readonly<Record<Level, string>> = {
  error: "--bad-soft",
  warning: "--warn-soft",
  note: "--accent-soft",
};

export function mount(frame: HTMLElement): () => void {
  const editor = new Editor(frame);
  return () => editor.leave();
}

class Editor {
  private readonly text: HTMLTextAreaElement;
  private readonly gutter: HTMLElement;
  private readonly leaving = new AbortController();
  private marks = new Map<number, Mark>();

  constructor(frame: HTMLElement) {
    this.text = frame.querySelector("textarea")!;
    this.gutter = frame.querySelector<HTMLElement>(".gutter")!;
    this.gutter.hidden = false;
    const { signal } = this.leaving;
    this.text.addEventListener("input", () => this.number(), { signal });
    this.text.addEventListener("scroll", () => this.align(), { signal });
    this.text.addEventListener("keydown", (event) => this.press(event), { signal });
    this.gutter.addEventListener("click", (event) => this.point(event), { signal });
    document.addEventListener("alloy:examined", () => this.read(), { signal });
    document.addEventListener(
      "alloy:goto",
      (event) => this.go((event as CustomEvent<number>).detail),
      { signal },
    );
    this.read();
  }

  leave(): void {
    this.leaving.abort();
  }

  /** The report beside the form is the server's; it names the lines. */
  private read(): void {
    const found = document.querySelectorAll<HTMLElement>("#report [data-line]");
    const marks = [...found].map((finding) => ({
      line: Number(finding.dataset.line),
      level: finding.dataset.level as Level,
      words: [...finding.querySelectorAll("p")].slice(1).map((p) => p.textContent).join(" "),
    }));
    this.marks = byLine(marks);
    this.number();
  }

  private number(): void {
    const count = countLines(this.text.value);
    const items = Array.from({ length: count }, (_, i) => {
      const item = document.createElement("li");
      const mark = this.marks.get(i + 1);
      item.textContent = String(i + 1);
      if (mark) {
        item.dataset.level = mark.level;
        item.title = mark.words;
      }
      return item;
    });
    this.gutter.replaceChildren(...items);
    this.tint();
    this.align();
  }

  /** A band behind every line that is marked. */
  private tint(): void {
    const style = getComputedStyle(this.text);
    const [height, top] = [parseFloat(style.lineHeight), parseFloat(style.paddingTop)];
    const marks = [...this.marks.values()];
    const band = ({ level }: Mark): string => `linear-gradient(var(${TINTS[level]}) 0 0)`;
    this.text.style.backgroundImage = marks.map(band).join(", ");
    this.text.style.backgroundPosition = marks
      .map(({ line }) => `0 ${top + height * (line - 1)}px`)
      .join(", ");
    this.text.style.backgroundSize = `100% ${height}px`;
  }

  private align(): void {
    this.gutter.scrollTop = this.text.scrollTop;
  }

  private press(event: KeyboardEvent): void {
    const { text } = this;
    const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key !== "Enter" || !plain || event.isComposing) return;
    const indent = indentAfter(text.value.slice(0, text.selectionStart));
    // The only way to insert that can be undone by Ctrl+Z. Where there is none, Enter is Enter.
    if (indent && document.execCommand("insertText", false, `\n${indent}`)) event.preventDefault();
  }

  private point(event: Event): void {
    const line = [...this.gutter.children].indexOf(event.target as Element) + 1;
    if (line) this.go(line);
  }

  private go(line: number): void {
    const { text } = this;
    text.focus();
    text.setSelectionRange(...boundsOf(text.value, line));
    const height = parseFloat(getComputedStyle(text).lineHeight);
    text.scrollTop = Math.max(0, height * (line - 1) - text.clientHeight / 3);
  }
}
