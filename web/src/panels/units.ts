/** Units of a layer by their place on its map: addresses count tokens one by one, those before the grid too. */
import type { LayerInfo } from "../api/client";

export type Cell = [number, number]; // row and column on the map

/** How many tokens belong to no place: the class token. */
export function prefixOf(layer: LayerInfo): number {
  return layer.extent.length === 1 ? Math.max(0, layer.extent[0]! - layer.shape[1]! * layer.shape[2]!) : 0;
}

/** Whether the address names one number: as many places in its brackets as the layer has. */
export function isUnit(layer: LayerInfo, address: string): boolean {
  const inside = /\[([^[\]]*)\]$/.exec(address)?.[1];
  return inside !== undefined && inside.split(",").length === layer.extent.length + Number(layer.channelled);
}

/** The address of the unit at a place of a channel's map. */
export function unitAt(layer: LayerInfo, channel: number, [row, column]: Cell): string {
  const flat = row * layer.shape[2]! + column;
  const position: number[] = [];
  let rest = flat + prefixOf(layer);
  for (const length of [...layer.extent].reverse()) {
    position.unshift(layer.extent.length === 1 ? rest : rest % length);
    rest = Math.floor(rest / length);
  }
  return `${layer.address}[${[...(layer.channelled ? [channel] : []), ...position].join(", ")}]`;
}

/** Where a unit lies on the map; null for a token that has no place, and for what is no unit. */
export function cellOf(layer: LayerInfo, address: string): Cell | null {
  if (!isUnit(layer, address)) return null;
  const position = /\[([^[\]]*)\]$/.exec(address)![1]!.split(",").map(Number).slice(Number(layer.channelled));
  const flat = position.reduce((sum, at, axis) => sum * layer.extent[axis]! + at, 0) - prefixOf(layer);
  return flat < 0 ? null : [Math.floor(flat / layer.shape[2]!), flat % layer.shape[2]!];
}
