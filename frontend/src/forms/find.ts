/** Finding by typing: every word must occur, in any order, whatever its case. */

export function matches(text: string, query: string): boolean {
  const within = text.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => within.includes(word));
}

/** The next place that can be chosen, going round; -1 when there is none. */
export function step(choosable: readonly boolean[], from: number, by: 1 | -1): number {
  const count = choosable.length;
  for (let i = 1; i <= count; i++) {
    const place = (((from + by * i) % count) + count) % count;
    if (choosable[place]) return place;
  }
  return -1;
}

/** How many modules of each type a share trains, as the engine counts: rounded down. */
export function modulesTrained(percent: number, layers: number): number {
  return Math.floor((layers * percent) / 100);
}
