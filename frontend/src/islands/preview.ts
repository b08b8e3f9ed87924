/** What is known of the job that the form would make, kept up to date while somebody types. */

import { csrfToken } from "../http";
import { gathered } from "../job/parts";

const PAUSE = 250; // ms

export function mount(place: HTMLElement): () => void {
  const frame = document.querySelector<HTMLElement>("#form-frame");
  const leaving = new AbortController();

  async function update(): Promise<void> {
    // The form itself is replaced when rows come and go.
    const form = frame?.querySelector("form");
    if (!form) return;
    const body = new FormData(form);
    body.set("do", "preview");
    const answer = await fetch(form.action, {
      method: "POST",
      body,
      headers: { "X-CSRFToken": csrfToken() },
      signal: leaving.signal,
    });
    if (answer.ok && !answer.redirected) show(place, await answer.text());
  }

  const ask = gathered(update, PAUSE);
  for (const name of ["input", "change", "htmx:afterSettle"]) {
    frame?.addEventListener(name, ask, { signal: leaving.signal });
  }
  place.addEventListener("click", goTo, { signal: leaving.signal });
  return () => leaving.abort();
}

/** Only what has changed is replaced, so that nothing is read out twice and nothing scrolls. */
function show(place: HTMLElement, text: string): void {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of place.querySelectorAll<HTMLElement>("[data-live]")) {
    const found = fresh.getElementById(part.id);
    if (found && found.innerHTML !== part.innerHTML) part.replaceChildren(...found.childNodes);
  }
  document.dispatchEvent(new CustomEvent("alloy:examined"));
}

/** From a finding to the input, or to the line of the recipe, that it is about. */
function goTo(event: Event): void {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[data-goto]");
  if (!link) return;
  event.preventDefault();
  const line = Number(link.dataset.goto);
  if (line) document.dispatchEvent(new CustomEvent("alloy:goto", { detail: line }));
  else reveal(document.getElementById(link.hash.slice(1)));
}

/** What is folded away can't be focused. */
function reveal(input: HTMLElement | null): void {
  input?.closest("details")?.setAttribute("open", "");
  input?.focus();
}
