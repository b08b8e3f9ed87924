/**
 * <button command="show-modal" commandfor="id"> opens a dialog and command="close" closes it, by
 * the browser itself; this does it for browsers that do not know commands yet.
 */
export function dialogs(root: Document): void {
  if ("command" in HTMLButtonElement.prototype) return;
  root.addEventListener("click", (event) => {
    const button = (event.target as Element).closest("button[commandfor]");
    const dialog = root.getElementById(button?.getAttribute("commandfor") ?? "");
    if (!(dialog instanceof HTMLDialogElement)) return;
    if (button?.getAttribute("command") === "show-modal") dialog.showModal();
    else dialog.close();
  });
}
