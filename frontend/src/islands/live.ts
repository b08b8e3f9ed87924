/** A list that is kept up to date while something in it goes on, and somebody looks. */

import { gathered, refresh } from "../job/parts";

const PERIOD = 2500; // ms

export function mount(frame: HTMLElement): () => void {
  const update = gathered(() => refresh("[data-part]"), 0);
  const timer = window.setInterval(() => {
    if (!document.hidden && frame.querySelector('[data-live="true"]')) update();
  }, PERIOD);
  return () => window.clearInterval(timer);
}
