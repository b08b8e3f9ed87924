/** The form of a new job: shows first what was wrong, and is sent once. */

export function mount(element: HTMLElement): () => void {
  const form = element as HTMLFormElement;
  form.querySelector<HTMLElement>("[data-focus]")?.focus();
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "true";
  });
  // The page may come back from the browser's memory.
  const back = (): void => {
    delete form.dataset.sent;
  };
  window.addEventListener("pageshow", back);
  return () => window.removeEventListener("pageshow", back);
}
