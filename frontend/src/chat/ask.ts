/** One request to /v1/chat/completions, streamed. */

import { events } from "./events";

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export interface Options {
  readonly model: string;
  readonly ticket: string;
  readonly temperature: number;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly text: string;
  readonly tokens: number;
}

interface Chunk {
  readonly choices?: readonly { delta?: { content?: string | null } }[];
  readonly usage?: { completion_tokens?: number } | null;
  readonly error?: { message?: string };
}

/** Tells each piece as it comes; throws an Error that people can read. */
export async function ask(
  messages: readonly Message[],
  { model, ticket, temperature, signal }: Options,
  told: (piece: string) => void,
): Promise<Answer> {
  const response = await fetch("/v1/chat/completions", {
    method: "POST",
    headers: { Authorization: `Bearer ${ticket}`, "Content-Type": "application/json" },
    body: JSON.stringify({
      model,
      messages,
      temperature,
      stream: true,
      stream_options: { include_usage: true },
    }),
    signal,
  });
  if (!response.ok || !response.body) throw new Error(await refusal(response));
  let text = "";
  let tokens = 0;
  for await (const data of events(response.body)) {
    if (data === "[DONE]") break;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error) throw new Error(chunk.error.message ?? "The model stopped.");
    const piece = chunk.choices?.[0]?.delta?.content ?? "";
    if (piece) told(piece);
    text += piece;
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  return { text, tokens };
}

async function refusal(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as Chunk).error?.message ?? `Status ${response.status}.`;
  } catch {
    return `The server answered with status ${response.status}.`;
  }
}
