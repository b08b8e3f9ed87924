/** Examples as the model will see them: those that were shown go when they are no longer true. */

const DECIDING = ["model", "dataset", "max_length"];

export function mount(card: HTMLElement): (() => void) | void {
  const shown = card.querySelector<HTMLElement>("[data-shown]");
  const form = card.closest("form");
  if (!shown || !form) return;
  const leaving = new AbortController();
  form.addEventListener(
    "change",
    (event) => {
      if (!DECIDING.includes((event.target as HTMLInputElement).name)) return;
      shown.remove();
      leaving.abort();
    },
    { signal: leaving.signal },
  );
  return () => leaving.abort();
}
