/** Draws points of the plane: two players over the critic's surface, and a mixture of Gaussians. */
import type { Schemas } from "../api/client";
import { contours } from "./contours";
import { type Colours, type Scale, bitmap } from "./palette";

type Colour = (name: string) => string;
type Place = [number, number];
const SCORE: Scale = { kind: "signed", low: -60, high: 315 }; // so that the ends are not too dark for points
const TURN = 2 * Math.PI;

export function toPixels(reach: number, x: number, y: number, side: number): Place {
  return [((x + reach) / (2 * reach)) * side, ((reach - y) / (2 * reach)) * side];
}

/** Real points as rings, generated ones filled, arrows where the generator's loss pulls them. */
export function drawDuel(context: CanvasRenderingContext2D, info: Schemas["GanInfo"], side: number, palette: Colours, colour: Colour, show: { surface: boolean; pulls: boolean }): void {
  context.clearRect(0, 0, side, side);
  if (show.surface) {
    context.imageSmoothingEnabled = true;
    context.globalAlpha = 0.85;
    context.drawImage(bitmap(info.surface, info.side, info.side, SCORE, palette), 0, 0, side, side);
    context.globalAlpha = 1;
    context.strokeStyle = "rgb(20 30 45 / 0.22)";
    context.lineWidth = 1;
    contours(context, Float64Array.from(info.surface, (value) => value / 255), info.side, [side, side], 14);
  }
  const ink = show.surface ? "#14181d" : colour("ink");
  context.strokeStyle = ink;
  context.globalAlpha = 0.55;
  context.lineWidth = 1.1;
  for (let at = 0; at < info.real.length; at += 2) ring(context, toPixels(info.reach, info.real[at]!, info.real[at + 1]!, side), 2.6);
  context.globalAlpha = 1;
  if (show.pulls) for (let at = 0; at < info.pulls.length; at += 2) arrow(context, info, at, side, ink);
  for (let at = 0; at < info.made.length; at += 2) dot(context, toPixels(info.reach, info.made[at]!, info.made[at + 1]!, side), "#00805c", 3.1, "#ffffff");
}

function arrow(context: CanvasRenderingContext2D, info: Schemas["GanInfo"], at: number, side: number, ink: string): void {
  const [dx, dy] = [info.pulls[at]!, info.pulls[at + 1]!];
  const size = Math.hypot(dx, dy);
  if (!(size > 1e-4)) return;
  const reach = (0.55 * size) / (1 + size) / size; // never longer than half a unit, and nothing where it has vanished
  const [x, y] = [info.made[at]!, info.made[at + 1]!];
  const [from, to] = [toPixels(info.reach, x, y, side), toPixels(info.reach, x + dx * reach, y + dy * reach, side)];
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const head = Math.min(6, 0.5 * Math.hypot(to[0] - from[0], to[1] - from[1]));
  context.strokeStyle = ink;
  context.lineWidth = 1.3;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  for (const turn of [2.6, -2.6]) {
    context.moveTo(...to);
    context.lineTo(to[0] + head * Math.cos(angle + turn), to[1] + head * Math.sin(angle + turn));
  }
  context.stroke();
}

/** Points in the colours of the components that answer for them, mixed; ellipses at two standard deviations. */
export function drawMixture(context: CanvasRenderingContext2D, info: Schemas["MixtureInfo"], side: number, colour: Colour, pointed: number): void {
  context.clearRect(0, 0, side, side);
  const parts = info.colours.map((name) => rgb(colour(name)));
  const count = parts.length;
  for (let at = 0; 2 * at < info.points.length; at++) {
    const mixed = [0, 0, 0];
    for (let part = 0; part < count; part++)
      for (let channel = 0; channel < 3; channel++) mixed[channel] = mixed[channel]! + info.responsibilities[at * count + part]! * parts[part]![channel]!;
    dot(context, toPixels(info.reach, info.points[2 * at]!, info.points[2 * at + 1]!, side), `rgb(${mixed.map(Math.round).join(" ")})`, at === pointed ? 6 : 2.8, at === pointed ? colour("ink") : null);
  }
  info.ellipses.forEach((line, part) => {
    for (const [stroke, width] of [[colour("surface"), 5], [colour(info.colours[part]!), 2.6]] as const) {
      context.beginPath();
      for (let at = 0; at < line.length; at += 2) context.lineTo(...toPixels(info.reach, line[at]!, line[at + 1]!, side));
      context.closePath();
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.stroke();
    }
    const [x, y] = toPixels(info.reach, ...info.means[part]!, side);
    dot(context, [x, y], colour("ink"), 3 + 10 * Math.sqrt(info.weights[part]!) * 0.5, colour("surface"));
  });
}

function dot(context: CanvasRenderingContext2D, [x, y]: Place, fill: string, radius: number, edge: string | null): void {
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.fillStyle = fill;
  context.fill();
  if (!edge) return;
  context.strokeStyle = edge;
  context.lineWidth = 1;
  context.stroke();
}

function ring(context: CanvasRenderingContext2D, [x, y]: Place, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.stroke();
}

function rgb(hex: string): [number, number, number] {
  const found = /^#(..)(..)(..)$/.exec(hex);
  return found ? [parseInt(found[1]!, 16), parseInt(found[2]!, 16), parseInt(found[3]!, 16)] : [128, 128, 128];
}
