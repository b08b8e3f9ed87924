import { expect, test } from "vitest";
import { dataOf, events } from "./events";

function stream(...pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
}

async function all(...pieces: string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const data of events(stream(...pieces))) found.push(data);
  return found;
}

test("events are put together again wherever they were cut", async () => {
  expect(await all('data: {"a"', ": 1}\n", "\ndata: [DO", "NE]\n\n")).toEqual(['{"a": 1}', "[DONE]"]);
});

test("a letter of several bytes may be cut, too", async () => {
  const bytes = new TextEncoder().encode("data: Zürich\n\n");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const found: string[] = [];
  for await (const data of events(body)) found.push(data);
  expect(found).toEqual(["Zürich"]);
});

test("comments say nothing, and lines of data belong together", async () => {
  expect(await all(": still here\n\ndata: one\ndata: two\n\n")).toEqual(["one\ntwo"]);
  expect(dataOf("event: end")).toBeNull();
});

test("what is not complete is not told", async () => {
  expect(await all("data: whole\n\ndata: half")).toEqual(["whole"]);
});
