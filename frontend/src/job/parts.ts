/** Brings parts of the page up to date with what the server would draw now. */

/** Replaces every element that matches by the one with the same id on a fresh copy of the page. */
export async function refresh(selector: string): Promise<void> {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll(selector)) {
    const part = fresh.getElementById(old.id);
    // Nobody's question is taken away while it is open.
    const asks = old.querySelector("dialog[open]") !== null;
    if (part && !asks && !part.isEqualNode(old)) replace(old, part);
  }
}

function replace(old: Element, part: HTMLElement): void {
  const focused = old.contains(document.activeElement) ? document.activeElement?.id : "";
  old.replaceWith(part);
  part.dispatchEvent(new CustomEvent("alloy:new", { bubbles: true }));
  if (focused) document.getElementById(focused)?.focus();
}

/** Runs `work` now and then, never twice at once, and again when asked meanwhile. */
export function gathered(work: () => Promise<void>, pause: number): () => void {
  let timer: number | undefined;
  let running = false;
  let wanted = false;

  async function run(): Promise<void> {
    timer = undefined;
    running = true;
    wanted = false;
    try {
      await work();
    } catch {
      // The server is away for a moment; the next news asks again.
    }
    running = false;
    if (wanted) ask();
  }

  function ask(): void {
    wanted = true;
    if (!running && timer === undefined) timer = window.setTimeout(() => void run(), pause);
  }

  return ask;
}
