/** Lines of a text that is being typed; numbers count from 1. */

export type Level = "error" | "warning" | "note";

const GRAVEST: readonly Level[] = ["error", "warning", "note"];

export interface Mark {
  readonly line: number;
  readonly level: Level;
  readonly words: string;
}

export function countLines(text: string): number {
  return text.split("\n").length;
}

/** Where a line begins and ends; of the last line when there are fewer. */
export function boundsOf(text: string, line: number): [start: number, end: number] {
  const lines = text.split("\n");
  const before = lines.slice(0, Math.min(line, lines.length) - 1);
  const start = before.reduce((sum, each) => sum + each.length + 1, 0);
  return [start, start + (lines[before.length]?.length ?? 0)];
}

/** What a new line after these characters begins with: it goes on as the line before stands. */
export function indentAfter(textBefore: string): string {
  const line = textBefore.slice(textBefore.lastIndexOf("\n") + 1);
  const blanks = /^ */.exec(line)?.[0] ?? "";
  const opens = /:\s*$/.test(line.replace(/\s#.*$/, ""));
  const inItem = /^ *- +\S/.test(line);
  return blanks + (opens || inItem ? "  " : "") + (opens && inItem ? "  " : "");
}

/** One mark a line: the gravest level, and all that is said. */
export function byLine(marks: readonly Mark[]): Map<number, Mark> {
  const found = new Map<number, Mark>();
  for (const mark of marks) {
    const known = found.get(mark.line);
    if (!known) {
      found.set(mark.line, mark);
      continue;
    }
    const level = GRAVEST.find((each) => each === mark.level || each === known.level)!;
    found.set(mark.line, { line: mark.line, level, words: `${known.words}\n${mark.words}` });
  }
  return found;
}
