/** A conversation with an endpoint, as OpenAI's libraries would lead it. */

import { type Message, ask } from "../chat/ask";
import { h, part } from "../dom";

export function mount(frame: HTMLElement): () => void {
  const form = part<HTMLFormElement>(frame, "[data-ask]");
  const words = part<HTMLTextAreaElement>(form, "textarea");
  const turns = part(frame, "[data-turns]");
  const fault = part(frame, "[data-fault]");
  const told = part(frame, "[data-told]");
  const send = part<HTMLButtonElement>(form, "[data-send]");
  const stop = part<HTMLButtonElement>(form, "[data-stop]");
  const anew = part<HTMLButtonElement>(frame, "[data-anew]");
  const { model = "", ticket = "" } = frame.dataset;
  let said: Message[] = [];
  let asking: AbortController | null = null;

  function shown(role: Message["role"], text: string): HTMLElement {
    const body = h("p.turn-text", {}, text);
    turns.append(h("li.turn", { "data-role": role }, h("span.role", {}, role), body));
    return body;
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const content = words.value.trim();
    if (!content || asking) return;
    asking = new AbortController();
    begun(true);
    said = [...said, { role: "user", content }];
    shown("user", content);
    words.value = "";
    const body = shown("assistant", "");
    const started = performance.now();
    try {
      const heat = Number(new FormData(form).get("temperature") ?? 0);
      const options = { model, ticket, temperature: heat, signal: asking.signal };
      const answer = await ask(said, options, (piece) => body.append(piece));
      said = [...said, { role: "assistant", content: answer.text }];
      const seconds = (performance.now() - started) / 1000;
      told.textContent = `${answer.tokens} tokens, ${seconds.toFixed(1)} s`;
    } catch (error) {
      if (asking.signal.aborted) {
        said = [...said, { role: "assistant", content: body.textContent ?? "" }];
      } else {
        said = said.slice(0, -1);
        fault.textContent = error instanceof Error ? error.message : String(error);
        fault.hidden = false;
        words.value = content;
        body.closest("li")?.previousElementSibling?.remove();
        body.closest("li")?.remove();
      }
    } finally {
      asking = null;
      begun(false);
      words.focus();
    }
  }

  function begun(yes: boolean): void {
    send.disabled = yes;
    stop.hidden = !yes;
    anew.hidden = yes || !said.length;
    if (yes) {
      fault.hidden = true;
      told.textContent = "It answers, or wakes up first…";
    } else if (fault.hidden === false) {
      told.textContent = "";
    }
  }

  function key(event: KeyboardEvent): void {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) void submit(event);
  }

  function forget(): void {
    said = [];
    turns.replaceChildren();
    told.textContent = "";
    anew.hidden = true;
  }

  const submitted = (event: Event) => void submit(event);
  const stopped = () => asking?.abort();
  form.addEventListener("submit", submitted);
  words.addEventListener("keydown", key);
  stop.addEventListener("click", stopped);
  anew.addEventListener("click", forget);
  return () => {
    asking?.abort();
    form.removeEventListener("submit", submitted);
    words.removeEventListener("keydown", key);
    stop.removeEventListener("click", stopped);
    anew.removeEventListener("click", forget);
  };
}
