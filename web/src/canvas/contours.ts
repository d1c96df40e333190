/** Draws a surface from above: colours by height with contour lines, by marching squares. */

export interface Surface {
  side: number;
  values: readonly number[];
}

/** Heights on a scale on which valleys can be told apart: 0 at the lowest, 1 at the highest. */
export function heights({ values }: Surface): Float64Array {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const floor = (high - low) * 2e-3 || 1;
  const span = Math.log((high - low + floor) / floor);
  return Float64Array.from(values, (value) => Math.log((value - low + floor) / floor) / span);
}

/** The picture of the heights, a pixel a place. */
export function relief(shares: Float64Array, side: number, dark: boolean): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const pixels = new ImageData(side, side);
  const [deep, tall] = dark ? [[16, 26, 44], [76, 96, 122]] : [[152, 184, 214], [247, 249, 251]];
  shares.forEach((share, at) => {
    for (let part = 0; part < 3; part++) pixels.data[4 * at + part] = deep![part]! + share * (tall![part]! - deep![part]!);
    pixels.data[4 * at + 3] = 255;
  });
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return canvas;
}

/** Lines of equal height, `count` of them, as one path over `size` pixels. */
export function contours(context: CanvasRenderingContext2D, shares: Float64Array, side: number, size: [number, number], count: number): void {
  const [dx, dy] = [size[0] / (side - 1), size[1] / (side - 1)];
  context.beginPath();
  for (let line = 1; line < count; line++) {
    const level = line / count;
    for (let row = 0; row < side - 1; row++) {
      for (let column = 0; column < side - 1; column++) square(context, shares, side, row, column, level, dx, dy);
    }
  }
  context.stroke();
}

function square(context: CanvasRenderingContext2D, shares: Float64Array, side: number, row: number, column: number, level: number, dx: number, dy: number): void {
  const at = row * side + column;
  const corners = [[0, 0, shares[at]!], [1, 0, shares[at + 1]!], [1, 1, shares[at + side + 1]!], [0, 1, shares[at + side]!]] as const;
  const crossed: [number, number][] = [];
  for (let edge = 0; edge < 4; edge++) {
    const [a, b] = [corners[edge]!, corners[(edge + 1) % 4]!];
    if (a[2] < level === b[2] < level) continue;
    const share = (level - a[2]) / (b[2] - a[2]);
    crossed.push([(column + a[0] + share * (b[0] - a[0])) * dx, (row + a[1] + share * (b[1] - a[1])) * dy]);
  }
  for (let pair = 0; pair + 1 < crossed.length; pair += 2) {
    context.moveTo(...crossed[pair]!);
    context.lineTo(...crossed[pair + 1]!);
  }
}
