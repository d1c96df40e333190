/** Numbers to colours: the library's own two scales, fetched once, and greys for what are pixels. */
import { ask } from "../api/client";

export interface Scale {
  kind: "signed" | "unsigned" | "grey";
  low: number;
  high: number;
}

export type Colours = Record<Scale["kind"], Uint8ClampedArray>;
let fetched: Promise<Colours> | null = null;

export function palettes(): Promise<Colours> {
  fetched ??= ask<Record<string, string[]>>("palettes").then((told) => ({
    signed: bytes(told["signed"]!),
    unsigned: bytes(told["unsigned"]!),
    grey: Uint8ClampedArray.from({ length: 255 * 3 }, (_, at) => Math.floor(at / 3)),
  }));
  return fetched;
}

function bytes(colours: string[]): Uint8ClampedArray {
  const found = new Uint8ClampedArray(colours.length * 3);
  colours.forEach((colour, at) => {
    for (let part = 0; part < 3; part++) found[3 * at + part] = parseInt(colour.slice(1 + 2 * part, 3 + 2 * part), 16);
  });
  return found;
}

/** Where a value stands among the colours, 0 … 254. */
export function place(value: number, { kind, low, high }: Scale): number {
  const share = high > low ? (value - low) / (high - low) : kind === "signed" ? 0.5 : 0;
  return Math.round(Math.min(1, Math.max(0, share)) * 254);
}

export function css(value: number, scale: Scale, colours: Colours): string {
  const at = 3 * place(value, scale);
  const palette = colours[scale.kind];
  return `rgb(${palette[at]} ${palette[at + 1]} ${palette[at + 2]})`;
}

/** A map as a picture of its own size, a pixel for each value. */
export function bitmap(values: ArrayLike<number>, height: number, width: number, scale: Scale, colours: Colours): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  const palette = colours[scale.kind];
  for (let at = 0; at < height * width; at++) {
    const from = 3 * place(values[at]!, scale);
    pixels.data[4 * at] = palette[from]!;
    pixels.data[4 * at + 1] = palette[from + 1]!;
    pixels.data[4 * at + 2] = palette[from + 2]!;
    pixels.data[4 * at + 3] = Number.isFinite(values[at]!) ? 255 : 0;
  }
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}

/** The scale that holds these values and has zero in its middle. */
export function balanced(values: ArrayLike<number>): Scale {
  let most = 0;
  for (let at = 0; at < values.length; at++) most = Math.max(most, Math.abs(values[at]!) || 0);
  return { kind: "signed", low: -most, high: most };
}
