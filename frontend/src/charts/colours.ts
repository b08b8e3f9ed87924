/**
 * A sequential palette: lightness rises (or, on light pages, falls) evenly from end to end, and
 * the hue goes from blue over green to yellow, so that it reads the same without colour vision.
 */

type Lab = readonly [lightness: number, a: number, b: number];

// Anchors in OKLCH: lightness, chroma, hue in degrees.
const DARK_PAGE = anchors([
  [0.27, 0.07, 285],
  [0.42, 0.11, 262],
  [0.57, 0.1, 222],
  [0.71, 0.12, 170],
  [0.84, 0.15, 122],
  [0.95, 0.14, 104],
]);
const LIGHT_PAGE = anchors([
  [0.97, 0.045, 106],
  [0.88, 0.1, 128],
  [0.75, 0.12, 165],
  [0.6, 0.105, 215],
  [0.43, 0.12, 262],
  [0.26, 0.09, 288],
]);

/** The colour for a share from 0 (lowest) to 1 (highest), as `#rrggbb`. */
export function heat(share: number, dark: boolean): string {
  const stops = dark ? DARK_PAGE : LIGHT_PAGE;
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const [from, to] = [stops[left] as Lab, stops[left + 1] as Lab];
  return hex(from.map((start, i) => start + (to[i]! - start) * (place - left)) as unknown as Lab);
}

function anchors(stops: [number, number, number][]): Lab[] {
  return stops.map(([lightness, chroma, hue]) => {
    const angle = (hue * Math.PI) / 180;
    return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
  });
}

/** OKLab (Ottosson, 2020) to sRGB. */
function hex([lightness, a, b]: Lab): string {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${linear.map(channel).join("")}`;
}

function channel(linear: number): string {
  const value = Math.min(1, Math.max(0, linear));
  const encoded = value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055;
  return Math.round(255 * encoded)
    .toString(16)
    .padStart(2, "0");
}
