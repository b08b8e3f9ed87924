/** How fast bytes go, lately, and how long the rest will take. */

const MEMORY = 3; // seconds that count most
const SOONEST = 1; // second: nobody knows before

export class Pace {
  private begun: number | null = null;
  private last = { at: 0, done: 0 };
  private speed = 0; // bytes a second

  /** `at` in seconds, of any clock that does not jump. */
  add(done: number, at: number): void {
    if (this.begun === null) {
      this.begun = at;
    } else if (at > this.last.at) {
      const seconds = at - this.last.at;
      const now = (done - this.last.done) / seconds;
      const weight = this.speed ? Math.exp(-seconds / MEMORY) : 0;
      this.speed = this.speed * weight + now * (1 - weight);
    } else {
      return;
    }
    this.last = { at, done };
  }

  /** Null as long as nobody can know. */
  secondsLeft(total: number): number | null {
    if (this.begun === null || this.last.at - this.begun < SOONEST || this.speed <= 0) return null;
    return Math.max(0, total - this.last.done) / this.speed;
  }
}

/** `0 B`, `1.2 kB`, `269 MB`; the server's templates say it alike. */
export function size(bytes: number): string {
  let left = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (left < 999.5) return `${unit === "B" ? Math.round(left) : Number(left.toPrecision(3))} ${unit}`;
    left /= 1000;
  }
  return `${Number(left.toPrecision(3))} TB`;
}
