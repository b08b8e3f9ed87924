/**
 * A form whose hidden field `credential` a passkey fills in, and which is sent then.
 *
 * data-act      get (show that it is me) or create (a new one)
 * data-options  of the server, as JSON; or
 * data-from     where they are fetched when the button is pressed
 */

import { part } from "../dom";
import { ProblemError, request as fetched } from "../http";
import { answer, creation, request } from "../webauthn";

interface Options {
  readonly publicKey: Record<string, unknown>;
}

const NOT_HERE = "This browser has no passkeys here. They need https, or the address localhost.";
const NOT_DONE = "No passkey was chosen. Try again, or use another way.";
const KNOWN = "This device has a passkey for your account already.";

export function mount(element: HTMLElement): () => void {
  const form = element as HTMLFormElement;
  const button = part<HTMLButtonElement>(form, "[data-passkey]");
  const press = () => void use(form, button);
  button.addEventListener("click", press);
  return () => button.removeEventListener("click", press);
}

async function use(form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
  const fault = part(form, "[data-fault]");
  fault.hidden = true;
  button.disabled = true;
  try {
    const credential = await asked(form);
    part<HTMLInputElement>(form, "[name=credential]").value = JSON.stringify(answer(credential));
    form.submit();
  } catch (error) {
    fault.textContent = words(error);
    fault.hidden = false;
    button.disabled = false;
  }
}

async function asked(form: HTMLFormElement): Promise<PublicKeyCredential> {
  if (!window.PublicKeyCredential) throw new Error(NOT_HERE);
  const { publicKey } = await options(form);
  const alone = form.querySelector<HTMLInputElement>("[name=passwordless]")?.checked ?? false;
  const made =
    form.dataset.act === "create"
      ? await navigator.credentials.create({ publicKey: creation(publicKey, alone) })
      : await navigator.credentials.get({ publicKey: request(publicKey) });
  if (!(made instanceof PublicKeyCredential)) throw new Error(NOT_DONE);
  return made;
}

async function options(form: HTMLFormElement): Promise<Options> {
  const { options: given, from } = form.dataset;
  if (given) return JSON.parse(given) as Options;
  const told = await fetched<{ request_options: Options }>(from ?? "");
  return told.request_options;
}

function words(error: unknown): string {
  if (error instanceof ProblemError) return error.problem.detail;
  if (!(error instanceof DOMException)) return error instanceof Error ? error.message : NOT_DONE;
  if (error.name === "SecurityError") return NOT_HERE;
  return error.name === "InvalidStateError" ? KNOWN : NOT_DONE;
}
