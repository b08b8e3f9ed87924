/**
 * The one script of every page: htmx, the styles, and the islands.
 *
 * An island is a part of a page that TypeScript draws. The template says where, and with what:
 *
 *     <div data-island="job" data-job="0190…">what is seen without scripts</div>
 *
 * and `islands/job.ts`, loaded only where it is wanted, exports
 *
 *     export function mount(element: HTMLElement): void | (() => void)
 *
 * which may return how to clean up when htmx takes the element away.
 */

import htmx from "htmx.org";
import { copying } from "./copying";
import { dialogs } from "./dialogs";
import { csrfToken } from "./http";
import "./styles/app.css";
import "./styles/pages";

export type Mount = (element: HTMLElement) => void | (() => void);

const islands = import.meta.glob<{ mount: Mount }>(["./islands/*.ts", "!./islands/*.test.ts"]);
const cleanUps = new WeakMap<Element, () => void>();

async function mountIsland(element: HTMLElement): Promise<void> {
  const name = element.dataset.island ?? "";
  const load = islands[`./islands/${name}.ts`];
  if (!load || "mounted" in element.dataset) return;
  element.dataset.mounted = "";
  const cleanUp = (await load()).mount(element);
  if (cleanUp) cleanUps.set(element, cleanUp);
}

// The Content-Security-Policy allows neither evaluated strings nor inline styles.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.selfRequestsOnly = true;
// Nor would it let a style that a script has set be copied from an old element to its new one.
htmx.config.attributesToSettle = ["class", "width", "height"];

htmx.onLoad((node) => {
  const content = node as HTMLElement;
  const inside = content.querySelectorAll<HTMLElement>("[data-island]");
  for (const element of [content, ...inside]) void mountIsland(element);
});
htmx.on("htmx:beforeCleanupElement", (event) => cleanUps.get(event.target as Element)?.());
// What a part of a page says of a mistake is shown in its place, like anything else it says.
htmx.on("htmx:beforeSwap", (event) => {
  const { detail } = event as CustomEvent;
  if (detail.xhr.status !== 404 && detail.xhr.status !== 422) return;
  detail.shouldSwap = detail.serverResponse.includes(`id="${detail.target.id}"`);
});
htmx.on("htmx:configRequest", (event) => {
  (event as CustomEvent).detail.headers["X-CSRFToken"] = csrfToken();
});

copying(document);
dialogs(document);
