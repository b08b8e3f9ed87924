/** The running job's progress: phase, bar, time left, and clocks that tick. */

import { duration, howFar, timeLeft } from "../charts/words";
import type { ProgressNews } from "./stream";

export function showProgress(page: HTMLElement, news: ProgressNews): void {
  const card = page.querySelector<HTMLElement>(".job-progress");
  const bar = card?.querySelector("progress");
  if (!card || !bar) return;
  set(card, "[data-phase]", news.phase);
  set(card, "[data-done]", howFar(news.done, news.total));
  set(card, "[data-left]", timeLeft(news.seconds_left));
  if (news.total) {
    bar.max = news.total;
    bar.value = news.done;
  } else {
    bar.removeAttribute("value");
  }
}

/** Elements that say how long something has lasted are kept right. */
export function tick(): () => void {
  const timer = window.setInterval(() => {
    for (const clock of document.querySelectorAll<HTMLElement>("[data-since]")) {
      const begun = Date.parse(clock.dataset.since ?? "");
      if (begun) clock.textContent = duration((Date.now() - begun) / 1000);
    }
  }, 1000);
  return () => window.clearInterval(timer);
}

function set(card: HTMLElement, selector: string, text: string): void {
  const place = card.querySelector(selector);
  if (place && place.textContent !== text) place.textContent = text;
}
