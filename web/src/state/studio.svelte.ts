/** What the server told: the session, news, and whether it still answers. */
import { go, list, place } from "./place.svelte";
import { type JobInfo, type PictureInfo, type Session, ask } from "../api/client";

export const studio = $state<{
  session: Session | null;
  connected: boolean;
  jobs: Record<string, JobInfo>;
  said: { id: number; text: string }[];
}>({ session: null, connected: true, jobs: {}, said: [] });

let told = 0;

/** What went wrong, in a sentence. */
export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Tell the person something went wrong, for a while. */
export function say(error: unknown): void {
  const text = said(error);
  if (studio.said.some((each) => each.text === text)) return;
  const id = ++told;
  studio.said.push({ id, text });
  setTimeout(() => unsay(id), 12_000);
}

export function unsay(id: number): void {
  studio.said = studio.said.filter((each) => each.id !== id);
}

export async function meet(): Promise<void> {
  studio.session = await ask<Session>("session");
}

export function remember(picture: PictureInfo): void {
  const session = studio.session;
  if (session && !session.pictures.some((each) => each.id === picture.id)) session.pictures.push(picture);
}

/** Look at a picture: where several are explained beside one another, at it as well. */
export function choose(picture: PictureInfo): void {
  remember(picture);
  const several = list("pictures");
  const more = place.page === "explain" && place.picture !== "" && !several.includes(picture.id) && picture.id !== place.picture;
  go({ picture: picture.id, ...(more ? { pictures: [...new Set([...several, place.picture])].slice(-3) } : {}) });
}

let source: EventSource | null = null;
type Listener = (data: unknown) => void;
const listeners: Record<string, Set<Listener>> = {};

/** Call `listener` with each piece of news of a topic, until what is returned is called. */
export function hear(topic: string, listener: Listener): () => void {
  if (!listeners[topic]) source?.addEventListener(topic, heard as EventListener);
  (listeners[topic] ??= new Set()).add(listener);
  return () => listeners[topic]?.delete(listener);
}

function heard(event: MessageEvent<string>): void {
  const data = JSON.parse(event.data) as unknown;
  for (const listener of listeners[event.type] ?? []) listener(data);
}

hear("job", (data) => {
  const job = data as JobInfo;
  studio.jobs[job.id] = job;
});

/** Listen to the server; connects again by itself when the line was lost. */
export function connect(): void {
  source = new EventSource("api/events");
  source.onopen = () => {
    if (!studio.connected) void meet().catch(say);
    studio.connected = true;
  };
  source.onerror = () => {
    studio.connected = false;
    if (source?.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
  for (const topic of Object.keys(listeners)) source.addEventListener(topic, heard as EventListener);
}
