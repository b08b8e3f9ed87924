/** Uploads a dataset by the API, with progress, and says what is wrong with it line by line. */

import { timeLeft } from "../charts/words";
import { h, icon, part } from "../dom";
import { csrfToken, problemOf, UNREACHABLE, type Fault, type Problem } from "../http";
import { sorted, type LineFault } from "../upload/faults";
import { Pace, size } from "../upload/pace";

const FIELDS = ["file", "name", "test_percent"];

export function mount(form: HTMLElement): void {
  new Upload(form as HTMLFormElement);
}

class Upload {
  private readonly file: HTMLInputElement;
  private readonly name: HTMLInputElement;
  private readonly send: HTMLButtonElement;
  private readonly progress: HTMLElement;
  private readonly bar: HTMLProgressElement;
  private readonly told: HTMLElement;
  private readonly stop: HTMLElement;
  private sending: XMLHttpRequest | null = null;
  private named = false;

  constructor(private readonly form: HTMLFormElement) {
    this.file = part(form, "[name=file]");
    this.name = part(form, "[name=name]");
    this.send = part(form, "[data-send]");
    this.progress = part(form, "[data-progress]");
    this.bar = part(form, "[data-progress] progress");
    this.told = part(form, "[data-told]");
    form.addEventListener("submit", (event) => this.submit(event));
    this.file.addEventListener("change", () => this.chosen());
    this.name.addEventListener("input", () => (this.named = this.name.value !== ""));
    this.stop = part(form, "[data-stop]");
    this.stop.addEventListener("click", () => this.sending?.abort());
    const drop = part(form, "[data-drop]");
    for (const kind of ["dragover", "dragleave", "drop"]) {
      drop.addEventListener(kind, () => drop.classList.toggle("over", kind === "dragover"));
    }
    if (this.file.files?.length) this.chosen();
  }

  private chosen(): void {
    const file = this.file.files?.[0];
    if (!file) return;
    const about = h("span", {}, h("strong", {}, file.name), ` · ${size(file.size)}`);
    part(this.form, "[data-chosen]").replaceChildren(about);
    if (!this.named) this.name.value = file.name.replace(/\.[^.]*$/, "").slice(0, 120);
    this.say(tooLarge(file, Number(this.form.dataset.most)));
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    if (this.sending) return;
    const file = this.file.files?.[0];
    const refused = file ? tooLarge(file, Number(this.form.dataset.most)) : null;
    this.say(refused);
    if (!refused) this.start();
  }

  private start(): void {
    const request = new XMLHttpRequest();
    const pace = new Pace();
    request.open("POST", this.form.dataset.api ?? "");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.addEventListener("progress", (event) => {
      pace.add(event.loaded, event.timeStamp / 1000);
      this.show(event.loaded, event.total, pace.secondsLeft(event.total));
    });
    request.upload.addEventListener("load", () => this.check());
    request.addEventListener("load", () => this.answered(request.status, request.responseText));
    request.addEventListener("error", () => this.ended(UNREACHABLE));
    request.addEventListener("abort", () => this.ended(null));
    this.sending = request;
    this.send.disabled = true;
    this.progress.hidden = this.stop.hidden = false;
    this.show(0, this.file.files?.[0]?.size ?? 0, null);
    request.send(new FormData(this.form));
  }

  private show(done: number, total: number, seconds: number | null): void {
    this.bar.value = total ? done / total : 0;
    const left = timeLeft(seconds);
    this.told.textContent = `${size(done)} of ${size(total)}${left ? ` · ${left}` : ""}`;
  }

  /** Nothing can be stopped any more: the server has it all. */
  private check(): void {
    this.stop.hidden = true;
    this.bar.removeAttribute("value");
    this.told.textContent = "Checking every line…";
  }

  private answered(status: number, text: string): void {
    if (status !== 201) return this.ended(problemOf(status, text));
    const { id } = JSON.parse(text) as { id: string };
    location.assign(`${this.form.dataset.then}${id}/`);
  }

  private ended(problem: Problem | null): void {
    this.sending = null;
    this.send.disabled = false;
    this.progress.hidden = true;
    this.say(problem);
  }

  private say(problem: Problem | null): void {
    const found = problem ? sorted(problem, FIELDS) : null;
    for (const name of FIELDS) {
      const faults = found?.fields.get(name) ?? [];
      part(this.form, `[data-fault=${name}]`).replaceChildren(...faults.map(faultItem));
      part(this.form, `[name=${name}]`).setAttribute("aria-invalid", String(faults.length > 0));
    }
    const place = part(this.form, "[data-faults]");
    place.replaceChildren(...(problem && found ? [notice(problem, found.lines, found.others)] : []));
    if (problem) place.scrollIntoView({ block: "nearest" });
  }
}

function tooLarge(file: File, most: number): Problem | null {
  if (file.size <= most) return null;
  const msg = `The file has ${size(file.size)}; at most ${size(most)} are taken.`;
  const fault = { loc: ["file"], msg, remedy: "Divide it." };
  return { title: "Too large", status: 413, detail: "The file is too large.", errors: [fault] };
}

function notice(problem: Problem, lines: readonly LineFault[], others: readonly Fault[]): HTMLElement {
  const words = h("div.stack.tight", {}, h("p", {}, h("strong", {}, problem.detail)));
  words.append(...others.map((fault) => h("p", {}, sentence(fault))));
  if (lines.length) words.append(h("div.scroll", {}, table(lines)));
  return h("div.notice.error", { role: "alert" }, icon("error"), words);
}

function table(lines: readonly LineFault[]): HTMLElement {
  const heads = ["Line", "Where", "What is wrong", "What to do"];
  const head = h("tr", {}, ...heads.map((words) => h("th", { scope: "col" }, words)));
  const rows = lines.map(({ line, place, fault }) =>
    h("tr", {}, h("td.num", {}, String(line)), h("td.mono", {}, place), h("td", {}, fault.msg), h("td", {}, fault.remedy)),
  );
  return h("table.line-faults", {}, h("thead", {}, head), h("tbody", {}, ...rows));
}

function faultItem(fault: Fault): HTMLElement {
  return h("li", {}, sentence(fault));
}

function sentence(fault: Fault): string {
  return `${fault.msg} ${fault.remedy}`.trim();
}
