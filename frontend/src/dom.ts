/** Elements, made and put together. Text is text: nothing is parsed. */

type Child = Node | string | null;

/** `h("p.muted", {title: "…"}, "words", h("b", {}, "more"))` */
export function h(
  what: string,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElement {
  const [name = "div", ...classes] = what.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** The one element that the page's template is known to hold. */
export function part<Kind extends HTMLElement>(root: ParentNode, selector: string): Kind {
  const found = root.querySelector<Kind>(selector);
  if (!found) throw new Error(`The page has no ${selector}.`);
  return found;
}

/** A symbol of icons.svg; the server's tag `icon` writes it alike. */
export function icon(name: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${import.meta.env.BASE_URL}icons.svg#${name}`);
  svg.append(use);
  return svg;
}
