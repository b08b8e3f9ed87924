/** Buttons that copy: <button data-copy="#id of what to copy">, which say so for a moment. */

const SHOWN_FOR = 1600; // ms

export function copying(root: Document): void {
  root.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
    const source = button && root.querySelector<HTMLElement>(button.dataset.copy ?? "");
    if (button && source) void copy(button, source.textContent?.trim() ?? "");
  });
}

async function copy(button: HTMLElement, text: string): Promise<void> {
  const label = button.querySelector<HTMLElement>("[data-label]") ?? button;
  const before = label.textContent;
  if (button.dataset.copied !== undefined) return;
  button.dataset.copied = "";
  label.textContent = (await written(text)) ? "Copied" : "Select and copy it";
  setTimeout(() => {
    label.textContent = before;
    delete button.dataset.copied;
  }, SHOWN_FOR);
}

/** Clipboards exist on secure pages only. */
async function written(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
