/** The spec in two formats. */

export function mount(card: HTMLElement): void {
  const texts = [...card.querySelectorAll<HTMLElement>("[data-format]")];
  const tabs = [...card.querySelectorAll<HTMLButtonElement>("[data-show]")];
  const copy = card.querySelector<HTMLElement>("[data-copy]");
  card.querySelector("[data-tools]")?.removeAttribute("hidden");
  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      for (const text of texts) {
        text.hidden = text.dataset.format !== tab.dataset.show;
        if (!text.hidden && copy) copy.dataset.copy = `#${text.id}`;
      }
      for (const other of tabs) other.setAttribute("aria-pressed", String(other === tab));
    });
  }
}
