/** The spec that the form would send, kept up to date while somebody types. */

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
    if (answer.ok && !answer.redirected) place.innerHTML = await answer.text();
  }

  const ask = gathered(update, PAUSE);
  for (const name of ["input", "change", "htmx:afterSettle"]) {
    frame?.addEventListener(name, ask, { signal: leaving.signal });
  }
  return () => leaving.abort();
}
