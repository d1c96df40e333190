/** Draws a hundred thousand points: pixels are written by hand, since no canvas call a point would be fast enough. */

export interface Window {
  k: number; // pixels a unit
  x: number; // where the origin is
  y: number;
}

/** (n, 4): x, y, class, place in the split. */
export type Points = Float32Array;

const HIDDEN = 0.16; // how much is left of a class that is not chosen

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

  /** `colours` are little-endian RGBA by class; the last is for what has none. `side` is a point's, in pixels. */
  draw(context: CanvasRenderingContext2D, points: Points, view: Window, colours: Uint32Array, side: number, only: number): void {
    const { width, height, pixels } = this;
    pixels.fill(0);
    const [half, last] = [side >> 1, colours.length - 1];
    for (let turn = only < 0 ? 1 : 0; turn < 2; turn++)
      for (let at = 0; at < points.length; at += 4) {
        const kind = points[at + 2]!;
        if (only >= 0 && (kind === only) !== (turn === 1)) continue;
        const x = (view.x + view.k * points[at]! - half) | 0;
        const y = (view.y - view.k * points[at + 1]! - half) | 0;
        if (x < 0 || y < 0 || x + side > width || y + side > height) continue;
        let colour = colours[kind < 0 ? last : kind % last]!;
        if (turn === 0) colour = ((colour & 0x00ffffff) | ((255 * HIDDEN) << 24)) >>> 0;
        for (let row = y; row < y + side; row++) pixels.fill(colour, row * width + x, row * width + x + side);
      }
    context.putImageData(this.image, 0, 0);
  }
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
export function pixelOf(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
