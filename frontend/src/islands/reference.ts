/** Opens the operation that the address names. */

export function mount(page: HTMLElement): () => void {
  const follow = () => {
    const wanted = page.querySelector(`details#${CSS.escape(location.hash.slice(1)) || "none"}`);
    if (!(wanted instanceof HTMLDetailsElement)) return;
    wanted.open = true;
    wanted.scrollIntoView();
  };
  window.addEventListener("hashchange", follow);
  follow();
  return () => window.removeEventListener("hashchange", follow);
}
