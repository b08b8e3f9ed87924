/**
 * A select that is searched by typing. The select itself stays in the form, hidden, and keeps
 * the value; without JavaScript it is what is used.
 */

import { matches, step } from "../forms/find";

interface Entry {
  readonly option: HTMLOptionElement;
  readonly item: HTMLElement;
  readonly text: string;
}

export function mount(element: HTMLElement): void {
  new Combobox(element as HTMLSelectElement);
}

class Combobox {
  private readonly input = document.createElement("input");
  private readonly list = document.createElement("div");
  private readonly nothing = document.createElement("p");
  private readonly entries: Entry[] = [];
  private active = -1;

  constructor(private readonly select: HTMLSelectElement) {
    this.fill();
    this.dress();
    const frame = document.createElement("div");
    frame.className = "combobox";
    select.after(frame);
    frame.append(this.input, this.list);
    select.hidden = true;
    this.restore();
    this.listen(frame);
  }

  private dress(): void {
    const { input, list, select } = this;
    // The label points to the id; it now names the text field.
    input.id = select.id;
    select.id = `${input.id}-value`;
    list.id = `${input.id}-list`;
    input.type = "text";
    input.autocomplete = "off";
    input.spellcheck = false;
    input.placeholder = select.options[0]?.text ?? "";
    for (const name of ["aria-describedby", "aria-invalid"]) {
      const value = select.getAttribute(name);
      if (value) input.setAttribute(name, value);
    }
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-expanded", "false");
    input.setAttribute("aria-controls", list.id);
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Choices");
    list.className = "combobox-list";
    list.hidden = true;
  }

  private fill(): void {
    for (const group of this.select.querySelectorAll("optgroup")) {
      const section = document.createElement("div");
      const title = document.createElement("p");
      section.setAttribute("role", "group");
      section.setAttribute("aria-label", group.label);
      title.setAttribute("aria-hidden", "true");
      title.className = "combobox-group";
      title.textContent = group.label;
      section.append(title);
      for (const option of group.querySelectorAll("option")) section.append(this.itemOf(option));
      this.list.append(section);
    }
    this.nothing.className = "combobox-nothing";
    this.nothing.textContent = this.entries.length ? "Nothing matches." : "There is nothing yet.";
    this.list.append(this.nothing);
  }

  private itemOf(option: HTMLOptionElement): HTMLElement {
    const item = document.createElement("div");
    const label = document.createElement("span");
    const note = document.createElement("span");
    label.textContent = option.dataset.label ?? option.text;
    note.textContent = option.dataset.note ?? "";
    note.className = "note";
    item.id = `${this.select.id}-option-${this.entries.length}`;
    item.className = "combobox-option";
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    if (option.disabled) item.setAttribute("aria-disabled", "true");
    item.append(label, note);
    this.entries.push({ option, item, text: `${label.textContent} ${note.textContent}` });
    return item;
  }

  private listen(frame: HTMLElement): void {
    const { input, list } = this;
    input.addEventListener("input", () => this.open(input.value));
    input.addEventListener("click", () => this.open(""));
    input.addEventListener("focus", () => input.select());
    input.addEventListener("keydown", (event) => this.press(event));
    // The field keeps the focus while the list is used.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const item = (event.target as Element).closest(".combobox-option");
      const entry = this.entries.find((known) => known.item === item);
      if (entry && !entry.option.disabled) this.choose(entry.option);
    });
    frame.addEventListener("focusout", () => this.leave());
  }

  private press(event: KeyboardEvent): void {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden) this.open("");
      this.move(step(this.choosable(), this.active, key === "ArrowDown" ? 1 : -1));
    } else if (key === "Enter" && !this.list.hidden) {
      event.preventDefault();
      const entry = this.entries[this.active];
      if (entry) this.choose(entry.option);
    } else if (key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.close();
      this.restore();
    }
  }

  private choosable(): boolean[] {
    return this.entries.map(({ option, item }) => !option.disabled && !item.hidden);
  }

  private open(query: string): void {
    for (const { item, text } of this.entries) item.hidden = !matches(text, query);
    for (const section of this.list.querySelectorAll<HTMLElement>('[role="group"]')) {
      section.hidden = !section.querySelector(".combobox-option:not([hidden])");
    }
    this.nothing.hidden = this.entries.some(({ item }) => !item.hidden);
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const chosen = this.entries.findIndex(({ option }) => option.selected);
    this.move(query ? step(this.choosable(), -1, 1) : chosen);
  }

  private move(place: number): void {
    this.active = place;
    this.entries.forEach(({ item }, i) => item.classList.toggle("active", i === place));
    const item = this.entries[place]?.item;
    item?.scrollIntoView({ block: "nearest" });
    if (item) this.input.setAttribute("aria-activedescendant", item.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  private choose(option: HTMLOptionElement): void {
    const changed = !option.selected;
    option.selected = true;
    this.close();
    this.restore();
    if (changed) this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  private leave(): void {
    // An emptied field means nothing is chosen; half a word changes nothing.
    const none = this.select.options[0];
    if (!this.input.value.trim() && none && !none.value) this.choose(none);
    this.close();
    this.restore();
  }

  private close(): void {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  private restore(): void {
    const option = this.select.selectedOptions[0];
    this.input.value = option?.value ? (option.dataset.label ?? option.text) : "";
    for (const { option: known, item } of this.entries) {
      item.setAttribute("aria-selected", String(known.selected));
    }
  }
}
