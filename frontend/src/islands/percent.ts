/** A slider beside the share of modules, and what it means for the chosen model. */

import { modulesTrained } from "../forms/find";

export function mount(section: HTMLElement): void {
  const input = section.querySelector<HTMLInputElement>('input[name="tuning.percent"]');
  const model = section.closest("form")?.querySelector<HTMLSelectElement>('select[name="model"]');
  if (!input || !model) return;
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = "1";
  slider.max = "100";
  slider.className = "percent-slider";
  slider.setAttribute("aria-label", "Modules to train, in percent");
  const told = document.createElement("p");
  told.className = "percent-told";
  input.closest(".with-unit")?.append(slider);
  input.closest(".field")?.append(told);

  function tell(): void {
    const share = Number(input!.value);
    const layers = Number(model!.selectedOptions[0]?.dataset.layers);
    told.textContent = share && layers ? words(share, layers) : "";
  }

  slider.value = input.value;
  slider.addEventListener("input", () => {
    input.value = slider.value;
    tell();
  });
  input.addEventListener("input", () => {
    slider.value = input.value;
    tell();
  });
  model.addEventListener("change", tell);
  tell();
}

function words(share: number, layers: number): string {
  const modules = modulesTrained(share, layers);
  if (modules >= 1) return `Trains ${modules} of ${layers} modules of each type.`;
  const least = Math.ceil(1000 / layers) / 10;
  return `That is less than one of ${layers} modules; use at least ${least}%.`;
}
