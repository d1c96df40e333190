/** The maps of a layer as one picture of tiles, fetched once for all that draw from it. */
import { type LayerInfo, ask, url } from "../api/client";

export interface Sheet {
  image: HTMLImageElement;
  layer: LayerInfo;
}

const KEPT = 24;
const sheets = new Map<string, Promise<Sheet>>();

/** The sheet of what `address` gave for a picture. */
export function sheetOf(network: string, picture: string, address: string): Promise<Sheet> {
  const key = `${network} ${picture} ${address}`;
  let sheet = sheets.get(key);
  if (!sheet) {
    const query = { network, picture, address };
    sheet = Promise.all([ask<LayerInfo>("layer", query), loaded(url("layer/sheet", query))])
      .then(([layer, image]) => ({ layer, image }));
    sheet.catch(() => sheets.delete(key));
    sheets.set(key, sheet);
    if (sheets.size > KEPT) sheets.delete(sheets.keys().next().value!);
  }
  return sheet;
}

async function loaded(address: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}
