/** Numbers and times as people read them; the server's templates say durations alike. */

const MINUS = "\u2212";
const COUNTABLE = 100_000;

/** `8 s`, `2 min 05 s`, `3 h 20 min`, `2 d 4 h` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${two(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long it will take, no more exact than anybody can know. */
export function timeLeft(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 5) return "a few seconds left";
  if (seconds < 55) return `about ${Math.round(seconds / 5) * 5} s left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${Math.max(1, minutes)} min left`;
  const hours = Math.floor(minutes / 60);
  if (hours < 10) return `about ${hours} h ${two(minutes % 60)} min left`;
  return hours < 48 ? `about ${hours} h left` : `about ${Math.round(hours / 24)} days left`;
}

/** So many significant digits, without needless zeros; exponents where zeros would be counted. */
export function number(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${signed(Number(mantissa).toString())}e${Number(exponent)}`;
  }
  const rounded = Number(value.toPrecision(digits));
  return signed(rounded.toLocaleString("en-US", { maximumSignificantDigits: digits }));
}

/** `12,345` */
export function count(value: number): string {
  return signed(Math.round(value).toLocaleString("en-US"));
}

/** `12 of 60`; as a percentage where nobody counts so far, as of bytes. */
export function howFar(done: number, total: number): string {
  if (total <= 0) return "";
  if (total < COUNTABLE) return `${count(done)} of ${count(total)}`;
  return `${Math.floor((100 * Math.min(done, total)) / total)}%`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function signed(text: string): string {
  return text.replace(/^-/, MINUS);
}
