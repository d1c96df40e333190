/** Draws lines over steps on a canvas: a plain plot with ticks, made for thousands of points. */

export interface Line {
  name: string;
  colour: string;
  x: readonly number[];
  y: readonly (number | null)[];
  dashed?: boolean;
}

export interface Plot {
  lines: readonly Line[];
  log: boolean;
  width: number;
  height: number;
  colour: (name: string) => string;
  marker: number | null;
}

const LEFT = 52;
const BELOW = 24;
const RIGHT = 12;
const ABOVE = 8;

export interface Scales {
  x: (value: number) => number;
  y: (value: number) => number;
  step: (pixel: number) => number;
}

export function scales({ lines, log, width, height }: Plot): Scales {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const line of lines) {
    line.y.forEach((value, at) => {
      if (value === null || (log && value <= 0)) return;
      left = Math.min(left, line.x[at]!);
      right = Math.max(right, line.x[at]!);
      low = Math.min(low, value);
      high = Math.max(high, value);
    });
  }
  if (!(right > left)) [left, right] = [Number.isFinite(left) ? left - 1 : 0, Number.isFinite(left) ? left + 1 : 1];
  if (!Number.isFinite(low)) [low, high] = [0.1, 1];
  const [from, to] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const pad = (to - from || Math.abs(to) || 1) * 0.06;
  const [bottom, top] = [from - pad, to + pad];
  const inner = width - LEFT - RIGHT;
  return {
    x: (value) => LEFT + ((value - left) / (right - left)) * inner,
    y: (value) => ABOVE + (1 - ((log ? Math.log10(value) : value) - bottom) / (top - bottom)) * (height - ABOVE - BELOW),
    step: (pixel) => left + ((pixel - LEFT) / inner) * (right - left),
  };
}

export function drawLines(context: CanvasRenderingContext2D, plot: Plot): void {
  const { lines, log, width, height, colour, marker } = plot;
  const at = scales(plot);
  context.clearRect(0, 0, width, height);
  drawTicks(context, plot, at);
  for (const line of lines) {
    context.beginPath();
    context.strokeStyle = colour(line.colour);
    context.lineWidth = 1.8;
    context.setLineDash(line.dashed ? [5, 4] : []);
    let drawing = false;
    line.y.forEach((value, index) => {
      if (value === null || (log && value <= 0)) {
        drawing = false;
        return;
      }
      const [x, y] = [at.x(line.x[index]!), at.y(value)];
      if (drawing) context.lineTo(x, y);
      else context.moveTo(x, y);
      drawing = true;
    });
    context.stroke();
    if (line.y.length === 1 && drawing) dot(context, at.x(line.x[0]!), at.y(line.y[0]!));
  }
  context.setLineDash([]);
  if (marker !== null) {
    context.strokeStyle = colour("muted");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(at.x(marker), ABOVE);
    context.lineTo(at.x(marker), height - BELOW);
    context.stroke();
  }
}

/** A line of one point, in the colour of the stroke. */
function dot(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.fillStyle = context.strokeStyle;
  context.beginPath();
  context.arc(x, y, 3.5, 0, 2 * Math.PI);
  context.fill();
}

function drawTicks(context: CanvasRenderingContext2D, { log, width, height, colour, lines }: Plot, at: Scales): void {
  context.font = '11px Inter, "Segoe UI", Roboto, Arial, sans-serif';
  context.fillStyle = colour("muted");
  context.strokeStyle = colour("grid");
  context.lineWidth = 1;
  context.textAlign = "right";
  for (const tick of valueTicks(lines, log)) {
    const y = at.y(tick);
    if (y < ABOVE - 1 || y > height - BELOW + 1) continue;
    context.beginPath();
    context.moveTo(LEFT, y);
    context.lineTo(width - RIGHT, y);
    context.stroke();
    context.fillText(short(tick), LEFT - 7, y + 4);
  }
  context.textAlign = "center";
  const [first, last] = [at.step(LEFT), at.step(width - RIGHT)];
  for (const tick of nice(first, last, Math.max(3, Math.floor(width / 75)))) context.fillText(short(tick), at.x(tick), height - 7);
  context.textAlign = "left";
}

function valueTicks(lines: readonly Line[], log: boolean): number[] {
  const values = lines.flatMap((line) => line.y.filter((value): value is number => value !== null && (!log || value > 0)));
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!Number.isFinite(low)) return [];
  if (low === high) return [low];
  if (!log) return nice(low, high, 4);
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of [1, 2, 5]) ticks.push(factor * 10 ** power);
  const inside = ticks.filter((tick) => tick >= low * 0.9 && tick <= high * 1.1);
  if (inside.length <= 7) return inside;
  const powers = inside.map(Math.log10).map(Math.round).filter((power, at) => Math.abs(10 ** power / inside[at]! - 1) < 1e-6);
  const every = Math.ceil(powers.length / 7);
  return powers.filter((power) => power % every === 0).map((power) => 10 ** power);
}

/** About `count` round numbers from `low` to `high`. */
export function nice(low: number, high: number, count: number): number[] {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(tick);
  return ticks;
}

export function short(value: number): string {
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(0);
  return String(Number(value.toPrecision(4)));
}
