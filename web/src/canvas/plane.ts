/** Draws what a small network makes of the plane, and the network itself. */
import type { Schemas } from "../api/client";
import { type Colours, type Scale, bitmap } from "./palette";

type Info = Schemas["NeuronInfo"];
type Colour = (name: string) => string;

const SURE: Scale = { kind: "signed", low: -0.25, high: 1.25 }; // so that the ends are not too dark for dots

export function toPixels(info: Info, x: number, y: number, w: number, h: number): [number, number] {
  return [((x + info.reach) / (2 * info.reach)) * w, ((info.reach - y) / (2 * info.reach)) * h];
}

export function drawPlane(context: CanvasRenderingContext2D, info: Info, size: [number, number], palette: Colours, colour: Colour, point: readonly [number, number, number] | null): void {
  const [w, h] = size;
  context.clearRect(0, 0, w, h);
  context.imageSmoothingEnabled = true;
  context.drawImage(bitmap(info.probabilities, info.side, info.side, SURE, palette), 0, 0, w, h);
  for (const [x, y, label] of info.points) dot(context, toPixels(info, x, y, w, h), colour(label > 0.5 ? "orange" : "blue"), 4.2);
  if (!point) return;
  const at = toPixels(info, point[0], point[1], w, h);
  dot(context, at, colour(point[2] > 0.5 ? "orange" : "blue"), 7);
  context.beginPath();
  context.arc(...at, 11, 0, 2 * Math.PI);
  context.strokeStyle = "#14181d";
  context.lineWidth = 2;
  context.stroke();
}

function dot(context: CanvasRenderingContext2D, [x, y]: [number, number], colour: string, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.4;
  context.stroke();
}

/** What is known on the way: values of units, and gradients of weights once the way back has come there. */
export interface Known {
  inputs: number[] | null;
  hidden: number[] | null;
  output: number | null;
  first: number[] | null;
  second: number[] | null;
}

const TILE = 44;

/** Two inputs, hidden units as little planes, one output: edges as broad as their weights are large. */
export function drawNetwork(context: CanvasRenderingContext2D, info: Info, size: [number, number], palette: Colours, colour: Colour, known: Known): void {
  const [w, h] = size;
  context.clearRect(0, 0, w, h);
  const units = info.units.length;
  const weights = Object.values(info.weights) as (number[] | number[][])[];
  const tile = Math.min(TILE, (h - 16) / Math.max(units, 2) - 6);
  const column = (count: number): number[] => Array.from({ length: count }, (_, at) => ((at + 0.5) * h) / count);
  const [left, middle, right] = [34, w * 0.5, w - 46];
  const [inputs, hidden] = [[h * 0.32, h * 0.68], column(units)];
  const out: [number, number] = [right, h / 2];
  if (units) {
    (weights[0] as number[][]).forEach((row, unit) =>
      row.forEach((weight, at) => edge(context, [left + 20, inputs[at]!], [middle - tile / 2, hidden[unit]!], weight, known.first?.[unit * 2 + at] ?? null, colour, units <= 5, 0.36 + 0.3 * at)));
    (weights[2] as number[][])[0]!.forEach((weight, unit) =>
      edge(context, [middle + tile / 2, hidden[unit]!], [right - 24, out[1]], weight, known.second?.[unit] ?? null, colour, units <= 6, 0.42));
  } else {
    (weights[0] as number[][])[0]!.forEach((weight, at) => edge(context, [left + 20, inputs[at]!], [right - 24, out[1]], weight, known.second?.[at] ?? null, colour, true, 0.5));
  }
  inputs.forEach((y, at) => node(context, [left, y], known.inputs ? brief(known.inputs[at]!) : `x${"₁₂"[at]}`, colour));
  info.units.forEach((values, unit) => {
    const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-6);
    const scale: Scale = { kind: "signed", low: -1.3 * most, high: 1.3 * most };
    const [x, y] = [middle - tile / 2, hidden[unit]! - tile / 2];
    context.drawImage(bitmap(values, info.small, info.small, scale, palette), x, y, tile, tile);
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.2;
    context.strokeRect(x, y, tile, tile);
    if (known.hidden) words(context, brief(known.hidden[unit]!), middle, hidden[unit]! + 4, colour, 12);
  });
  node(context, out, known.output === null ? "p" : brief(known.output), colour);
}

function edge(context: CanvasRenderingContext2D, from: [number, number], to: [number, number], weight: number, gradient: number | null, colour: Colour, numbered: boolean, along: number): void {
  context.beginPath();
  context.moveTo(...from);
  const bend = (to[0] - from[0]) * 0.45;
  context.bezierCurveTo(from[0] + bend, from[1], to[0] - bend, to[1], ...to);
  context.strokeStyle = colour(weight < 0 ? "blue" : "orange");
  context.globalAlpha = 0.75;
  context.lineWidth = Math.min(9, 0.6 + 1.7 * Math.abs(weight));
  context.stroke();
  context.globalAlpha = 1;
  if (!numbered && gradient === null) return;
  const share = 3 * along ** 2 * (1 - along) + along ** 3;
  const x = from[0] + (3 * along * (1 - along) ** 2 * bend + 3 * along ** 2 * (1 - along) * (to[0] - from[0] - bend) + along ** 3 * (to[0] - from[0]));
  const y = from[1] + share * (to[1] - from[1]);
  if (numbered) words(context, brief(weight), x, y, colour, 11);
  if (gradient !== null && numbered) words(context, `∂ ${brief(gradient)}`, x, y + 13, colour, 11, "pink");
}

function node(context: CanvasRenderingContext2D, [x, y]: [number, number], text: string, colour: Colour): void {
  context.beginPath();
  context.roundRect(x - 25, y - 15, 50, 30, 9);
  context.fillStyle = colour("surface");
  context.fill();
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.4;
  context.stroke();
  words(context, text, x, y + 4, colour, 13);
}

function words(context: CanvasRenderingContext2D, text: string, x: number, y: number, colour: Colour, size: number, ink = "ink"): void {
  context.font = `600 ${size}px system-ui`;
  context.textAlign = "center";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = colour("surface");
  context.strokeText(text, x, y);
  context.fillStyle = colour(ink);
  context.fillText(text, x, y);
  context.textAlign = "left";
}

export function brief(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e4)) return value.toExponential(1);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size < 0.1 ? 3 : 2);
}
