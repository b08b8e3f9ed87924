/** What was shown of a form (examples as the model will see them, an estimate) goes when it is no longer
 * true: when a field changes that decides about it. */

const DECIDING = ["model", "dataset", "max_length"];

export function mount(card: HTMLElement): (() => void) | void {
  const shown = card.querySelector<HTMLElement>("[data-shown]");
  const form = card.closest("form");
  if (!shown || !form) return;
  const leaving = new AbortController();
  form.addEventListener(
    "change",
    (event) => {
      const name = (event.target as HTMLInputElement).name;
      if (card.dataset.decidedBy !== "everything" && !DECIDING.includes(name)) return;
      shown.remove();
      leaving.abort();
    },
    { signal: leaving.signal },
  );
  return () => leaving.abort();
}
