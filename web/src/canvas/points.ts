/** Draws a hundred thousand points: pixels are written by hand, since no canvas call a point would be fast enough. */

export interface Window {
  k: number; // pixels a unit
  x: number; // where the origin is
  y: number;
}

/** (n, 4): x, y, class, place in the split. */
export type Points = Float32Array;

const HIDDEN = 0.16; // how much is left of a class that is not chosen
const RIMMED = 5; // pixels from which on a point is a disc with a rim, so that pale ones are seen too

/** How points look: little-endian RGBA by class, the last for what has none, with their rims; a point's side in pixels. */
export interface Look {
  colours: Uint32Array;
  rims: Uint32Array;
  side: number;
}

/** `colours` are "#rrggbb" by class. Points shrink where there are many, and `over` a picture. */
export function lookOf(colours: readonly string[], ink: string, count: number, over: boolean): Look {
  const named = [...colours, "#7f8791"];
  const side = count > 20_000 ? 2 : count > 3000 ? 3 : over ? 5 : 7;
  const pixels = named.map(pixelOf);
  return {
    colours: new Uint32Array(pixels),
    rims: new Uint32Array(pixels.map((each) => mixed(each, pixelOf(ink)))),
    side: Math.max(2, Math.round((window.devicePixelRatio || 1) * side)),
  };
}

export class PointsPicture {
  private pixels: Uint32Array<ArrayBuffer>;
  private readonly image: ImageData;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  draw(context: CanvasRenderingContext2D, points: Points, view: Window, { colours, rims, side }: Look, only: number): void {
    const { width, height, pixels } = this;
    pixels.fill(0);
    const [half, last] = [side >> 1, colours.length - 1];
    const cut = Array.from({ length: side }, (_, row) => (side < RIMMED ? 0 : insetOf(row, side)));
    for (let turn = only < 0 ? 1 : 0; turn < 2; turn++)
      for (let at = 0; at < points.length; at += 4) {
        const kind = points[at + 2]!;
        if (only >= 0 && (kind === only) !== (turn === 1)) continue;
        const x = (view.x + view.k * points[at]! - half) | 0;
        const y = (view.y - view.k * points[at + 1]! - half) | 0;
        if (x < 0 || y < 0 || x + side > width || y + side > height) continue;
        const place = kind < 0 ? last : kind % last;
        const [colour, rim] = turn ? [colours[place]!, rims[place]!] : [faded(colours[place]!), 0];
        for (let row = 0; row < side; row++) {
          const [from, to] = [(y + row) * width + x + cut[row]!, (y + row) * width + x + side - cut[row]!];
          if (side < RIMMED || !rim) pixels.fill(colour, from, to);
          else {
            pixels.fill(rim, from, to);
            if (row > 0 && row < side - 1) pixels.fill(colour, from + 1, to - 1);
          }
        }
      }
    context.putImageData(this.image, 0, 0);
  }
}

/** How far a disc's row is from the square's edge. */
function insetOf(row: number, side: number): number {
  const away = row - (side - 1) / 2;
  return Math.round(side / 2 - Math.sqrt(Math.max(0, (side / 2) ** 2 - away ** 2)));
}

function faded(pixel: number): number {
  return ((pixel & 0x00ffffff) | ((255 * HIDDEN) << 24)) >>> 0;
}

/** Halfway between two opaque pixels. */
function mixed(one: number, other: number): number {
  return ((((one >>> 1) & 0x7f7f7f) + ((other >>> 1) & 0x7f7f7f)) | 0xff000000) >>> 0;
}

/** The window that shows all points. */
export function fitted(points: Points, width: number, height: number): Window {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 4) {
    left = Math.min(left, points[at]!);
    right = Math.max(right, points[at]!);
    low = Math.min(low, points[at + 1]!);
    high = Math.max(high, points[at + 1]!);
  }
  const k = 0.92 * Math.min(width / (right - left || 1), height / (high - low || 1));
  return { k, x: width / 2 - (k * (left + right)) / 2, y: height / 2 + (k * (low + high)) / 2 };
}

/** The point nearest to a place in pixels, within `reach` of them; −1 for none. */
export function nearest(points: Points, view: Window, x: number, y: number, reach: number): number {
  const [wantedX, wantedY] = [(x - view.x) / view.k, (view.y - y) / view.k];
  let [best, least] = [-1, (reach / view.k) ** 2];
  for (let at = 0; at < points.length; at += 4) {
    const away = (points[at]! - wantedX) ** 2 + (points[at + 1]! - wantedY) ** 2;
    if (away < least) [best, least] = [at / 4, away];
  }
  return best;
}

/** "#rrggbb" as the number that a pixel is. */
function pixelOf(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
