/** The log: new lines as they come, following the end unless the reader scrolled away. */

import type { LogNews, StateNews } from "./stream";

const MOST_LINES = 5000; // in the page; the file has all
const SHOWN: Record<string, readonly string[] | null> = {
  all: null,
  log: ["info", "warning", "error"],
  warning: ["warning", "error"],
};

export class Log {
  private last: number;
  private readonly list: HTMLOListElement;
  private readonly follow: HTMLInputElement | null;
  private readonly level: HTMLSelectElement | null;

  /** `names` says what people call what the spec refers to. */
  constructor(
    private readonly card: HTMLElement,
    private readonly names: Readonly<Record<string, string>>,
  ) {
    this.list = card.querySelector<HTMLOListElement>("[data-log]")!;
    this.follow = card.querySelector("[data-follow]");
    this.level = card.querySelector("[data-level]");
    this.last = Number((this.list.lastElementChild as HTMLElement | null)?.dataset.id ?? 0);
    card.querySelector("[data-tools]")?.removeAttribute("hidden");
    this.level?.addEventListener("change", () => this.filter());
    this.follow?.addEventListener("change", () => this.toEnd());
    this.list.addEventListener("scroll", () => this.noticeScroll());
    this.toEnd();
  }

  add(news: LogNews | StateNews): void {
    if (news.id <= this.last) return;
    this.last = news.id;
    const line = lineOf(news, this.named(news.message));
    line.hidden = !this.shows(line);
    this.list.append(line);
    while (this.list.childElementCount > MOST_LINES) this.list.firstElementChild?.remove();
    this.card.querySelector<HTMLElement>("[data-empty]")!.hidden = true;
    this.toEnd();
  }

  private named(message: string): string {
    return Object.entries(this.names).reduce(
      (text, [reference, name]) => text.replaceAll(reference, name),
      message,
    );
  }

  private shows(line: HTMLElement): boolean {
    const levels = SHOWN[this.level?.value ?? "all"];
    return !levels || levels.includes(line.dataset.level ?? "");
  }

  private filter(): void {
    for (const line of this.list.children) {
      (line as HTMLElement).hidden = !this.shows(line as HTMLElement);
    }
    this.toEnd();
  }

  private toEnd(): void {
    if (this.follow?.checked) this.list.scrollTop = this.list.scrollHeight;
  }

  private noticeScroll(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    if (this.follow) this.follow.checked = scrollHeight - scrollTop - clientHeight < 24;
  }
}

function lineOf(news: LogNews | StateNews, message: string): HTMLLIElement {
  const line = document.createElement("li");
  const time = document.createElement("time");
  const isState = "state" in news;
  time.dateTime = news.at;
  time.textContent = new Date(news.at).toISOString().slice(11, 19);
  line.dataset.id = String(news.id);
  line.dataset.level = isState ? "state" : news.level;
  line.append(time, span(line.dataset.level, "level"), span(message));
  return line;
}

function span(text: string, kind = ""): HTMLSpanElement {
  const element = document.createElement("span");
  if (kind) element.className = kind;
  element.textContent = text;
  return element;
}
