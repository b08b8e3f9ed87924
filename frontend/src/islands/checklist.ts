/** A long list of boxes gets a field to find them, and a count of those ticked. */

import { matches } from "../forms/find";

const SHORT = 8;

export function mount(list: HTMLElement): void {
  const boxes = [...list.querySelectorAll<HTMLElement>("label.tick")];
  if (boxes.length <= SHORT) return;
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = list.dataset.label ?? "Find";
  search.setAttribute("aria-label", search.placeholder);
  search.className = "checklist-search";
  list.before(search);
  search.addEventListener("input", () => {
    for (const box of boxes) box.hidden = !matches(box.textContent ?? "", search.value);
  });
  // Typing is no change of the form, and Enter does not send it.
  search.addEventListener("change", (event) => event.stopPropagation());
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}
