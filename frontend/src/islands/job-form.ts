/** The form of a new job: shows first what was wrong, and is sent once. */

export function mount(frame: HTMLElement): () => void {
  let sent = false;
  frame.querySelector<HTMLElement>("[data-focus]")?.focus();
  frame.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  // The page may come back from the browser's memory.
  const back = (): void => {
    sent = false;
  };
  window.addEventListener("pageshow", back);
  return () => window.removeEventListener("pageshow", back);
}
