/** What is wrong with an upload, sorted by where the page says it. */

import type { Fault, Problem } from "../http";

export interface LineFault {
  readonly line: number;
  readonly place: string;
  readonly fault: Fault;
}

export interface Sorted {
  readonly fields: ReadonlyMap<string, readonly Fault[]>;
  readonly lines: readonly LineFault[];
  /** Said nowhere else. */
  readonly others: readonly Fault[];
}

export function sorted(problem: Problem, names: Iterable<string>): Sorted {
  const fields = new Map<string, Fault[]>([...names].map((name) => [name, []]));
  const lines: LineFault[] = [];
  const others: Fault[] = [];
  for (const fault of problem.errors) {
    const [first, line, ...inside] = fault.loc;
    if (first === "line" && typeof line === "number") {
      lines.push({ line, place: inside.join("."), fault });
    } else {
      (fields.get(String(first)) ?? others).push(fault);
    }
  }
  return { fields, lines, others };
}
