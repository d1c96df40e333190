/** Draws a laid-out graph: only what is in view, with as much detail as the zoom allows. */
import type { GraphInfo, NodeInfo } from "../api/client";

export interface View {
  k: number;
  x: number;
  y: number;
}

export interface Thumbs {
  image: CanvasImageSource;
  row: number;
}

export interface Drawn {
  graph: GraphInfo;
  view: View;
  width: number;
  height: number;
  selected: string;
  pointed: string;
  colour: (name: string) => string;
  thumbs: Map<string, Thumbs>;
}

const THUMB = 64;
const SHOWN = 4;

export function draw(context: CanvasRenderingContext2D, drawn: Drawn): void {
  const { view, width, height, graph } = drawn;
  context.clearRect(0, 0, width, height);
  context.save();
  context.translate(view.x, view.y);
  context.scale(view.k, view.k);
  const seen: Box = [-view.x / view.k, -view.y / view.k, (width - view.x) / view.k, (height - view.y) / view.k];
  drawGroups(context, drawn, seen);
  drawPaths(context, drawn, seen);
  for (const node of graph.nodes) if (meets(node.box, seen)) drawNode(context, node, drawn);
  context.restore();
}

type Box = readonly [number, number, number, number];

function meets(box: readonly number[], seen: Box): boolean {
  return box[0]! < seen[2] && box[2]! > seen[0] && box[1]! < seen[3] && box[3]! > seen[1];
}

function drawGroups(context: CanvasRenderingContext2D, { graph, colour, view }: Drawn, seen: Box): void {
  context.lineWidth = 1 / view.k;
  context.font = '600 11px Inter, "Segoe UI", Roboto, Arial, sans-serif';
  for (const group of graph.groups) {
    if (!meets(group.box, seen)) continue;
    const [x0, y0, x1, y1] = group.box as [number, number, number, number];
    context.strokeStyle = colour("faint");
    context.fillStyle = colour("page");
    context.beginPath();
    context.roundRect(x0, y0, x1 - x0, y1 - y0, 10);
    context.fill();
    context.stroke();
    if (view.k > 0.35) {
      context.fillStyle = colour("muted");
      context.fillText(`− ${group.address}  ${group.kind}`, x0 + 10, y0 + 16);
    }
  }
}

function drawPaths(context: CanvasRenderingContext2D, drawn: Drawn, seen: Box): void {
  const { graph, colour, view, selected } = drawn;
  const at = selected ? graph.nodes.findIndex((node) => node.address === selected) : -1;
  for (const strong of [false, true]) {
    context.beginPath();
    context.lineWidth = (strong ? 2.2 : 1.2) / Math.max(view.k, 0.4);
    context.strokeStyle = colour(strong ? "blue" : "faint");
    for (let index = 0; index < graph.paths.length; index++) {
      const touches = graph.sources[index] === at || graph.targets[index] === at;
      if (touches !== strong) continue;
      trace(context, graph.paths[index]!, seen);
    }
    context.stroke();
  }
}

function trace(context: CanvasRenderingContext2D, path: number[], seen: Box): void {
  const last = path.length - 2;
  const above = path[1]! < seen[1] && path[last + 1]! < seen[1];
  const below = path[1]! > seen[3] && path[last + 1]! > seen[3];
  if (above || below) return;
  context.moveTo(path[0]!, path[1]!);
  for (let at = 2; at < path.length; at += 2) {
    const [x0, y0, x1, y1] = [path[at - 2]!, path[at - 1]!, path[at]!, path[at + 1]!];
    const middle = (y0 + y1) / 2;
    if (x0 === x1) context.lineTo(x1, y1);
    else context.bezierCurveTo(x0, middle, x1, middle, x1, y1);
  }
}

function drawNode(context: CanvasRenderingContext2D, node: NodeInfo, drawn: Drawn): void {
  const { colour, view, selected, pointed, thumbs } = drawn;
  const [x0, y0, x1, y1] = node.box as [number, number, number, number];
  const strong = node.address === selected || (node.opens && selected.startsWith(`${node.address}.`));
  context.beginPath();
  context.roundRect(x0, y0, x1 - x0, y1 - y0, 8);
  context.fillStyle = colour("surface");
  context.fill();
  context.lineWidth = (strong ? 3 : 1.4) / Math.max(view.k, 0.5);
  context.strokeStyle = strong || node.address === pointed ? colour("blue") : colour("faint");
  context.stroke();
  context.fillStyle = colour(node.colour);
  context.fillRect(x0 + 1, y0 + 8, 4, y1 - y0 - 16);
  if (view.k <= 0.3) return;
  context.fillStyle = colour("ink");
  context.font = '600 13px Inter, "Segoe UI", Roboto, Arial, sans-serif';
  context.fillText(`${node.opens ? "+ " : ""}${node.label}`, x0 + 13, y0 + 17, x1 - x0 - 20);
  context.fillStyle = colour("muted");
  context.font = '11px Inter, "Segoe UI", Roboto, Arial, sans-serif';
  context.fillText(`${node.kind === node.label ? "" : node.kind} ${node.shape.join("×")}`.trim(), x0 + 13, y0 + 32, x1 - x0 - 20);
  const thumb = node.maps ? thumbs.get(node.address) : undefined;
  if (thumb) drawThumbs(context, thumb, x0, y0, x1);
}

function drawThumbs(context: CanvasRenderingContext2D, thumb: Thumbs, x0: number, y0: number, x1: number): void {
  const side = Math.min(60, (x1 - x0 - 20 - 4 * (SHOWN - 1)) / SHOWN);
  context.imageSmoothingEnabled = false;
  for (let place = 0; place < SHOWN; place++) {
    context.drawImage(thumb.image, place * THUMB, thumb.row * THUMB, THUMB, THUMB, x0 + 12 + place * (side + 4), y0 + 41, side, side);
  }
}

/** The node at a place of the graph, or the group whose frame is there. */
export function hit(graph: GraphInfo, x: number, y: number): NodeInfo | undefined {
  for (const node of graph.nodes) {
    const [x0, y0, x1, y1] = node.box as [number, number, number, number];
    if (x >= x0 && x <= x1 && y >= y0 && y <= y1) return node;
  }
  return undefined;
}

/** The innermost opened module whose heading is at a place. */
export function heading(graph: GraphInfo, x: number, y: number): string {
  let found = "";
  for (const group of graph.groups) {
    const [x0, y0, x1] = group.box as [number, number, number, number];
    if (x >= x0 && x <= x1 && y >= y0 && y <= y0 + 24) found = group.address;
  }
  return found;
}
