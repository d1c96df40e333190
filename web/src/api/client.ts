/** Asks the server. Every failure becomes one sentence a person can read. */
import { t } from "../state/wishes.svelte";
import type { components } from "./schema";

export type Schemas = components["schemas"];
export type NetworkInfo = Schemas["NetworkInfo"];
export type GraphInfo = Schemas["GraphInfo"];
export type NodeInfo = Schemas["NodeInfo"];
export type TableInfo = Schemas["TableInfo"];
export type RowInfo = Schemas["RowInfo"];
export type LayerInfo = Schemas["LayerInfo"];
export type PictureInfo = Schemas["PictureInfo"];
export type Prediction = Schemas["Prediction"];
export type Session = Schemas["Session"];
export type JobInfo = Schemas["JobInfo"];

export type Query = Record<string, string | number | readonly string[] | undefined>;

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The address of a route, relative to the page. */
export function url(route: string, query: Query = {}): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) words.append(name, String(each));
  }
  const said = words.toString();
  return `api/${route}${said ? `?${said}` : ""}`;
}

export async function ask<T>(route: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await answered(url(route, query), { signal: signal ?? null })).json() as Promise<T>;
}

export interface Layer extends LayerInfo {
  sheet: HTMLImageElement; // all its channels
}

/** What a layer gave and its sheet, asked for at the same time. */
export async function askLayer(query: Query, signal: AbortSignal): Promise<Layer> {
  const sheet = new Image();
  sheet.src = url("layer/sheet", query);
  // Why there is none is said by the other answer.
  const [layer] = await Promise.all([ask<LayerInfo>("layer", query, signal), sheet.decode().catch(() => undefined)]);
  return { ...layer, sheet };
}

export async function send<T>(method: "POST" | "PUT" | "DELETE", route: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const blob = body instanceof Blob;
  const answer = await answered(url(route), {
    method,
    headers: blob || body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? null : blob ? body : JSON.stringify(body),
    signal: signal ?? null,
  });
  return answer.json() as Promise<T>;
}

export async function upload(file: Blob, name: string): Promise<PictureInfo> {
  const answer = await answered(url("pictures", { name }), { method: "POST", body: file });
  return answer.json() as Promise<PictureInfo>;
}

export interface Numbers {
  shape: number[];
  values: Float32Array;
}

export async function numbers(route: string, query: Query, signal?: AbortSignal): Promise<Numbers> {
  const answer = await answered(url(route, query), { signal: signal ?? null });
  const shape = JSON.parse(answer.headers.get("x-shape") ?? "[]") as number[];
  return { shape, values: new Float32Array(await answer.arrayBuffer()) };
}

async function answered(address: string, options: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, t().noAnswer);
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const detail = (told as { detail?: unknown }).detail;
  throw new Refusal(answer.status, sentence(detail) || t().refused.replace("{n}", String(answer.status)));
}

/** What a refusal says: a sentence, or what is wrong with each part of the question. */
function sentence(detail: unknown): string {
  if (typeof detail === "string") return detail;
  if (!Array.isArray(detail)) return "";
  return detail.slice(0, 3).map((each: { loc: unknown[]; msg: string }) => `${each.loc.slice(1).join(" ")}: ${each.msg}`).join("; ");
}

/** Whether an error only says that nobody waits for the answer any more. */
export function abandoned(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
