/** What the server told: the session, news, and whether it still answers. */
import { type JobInfo, type PictureInfo, type Session, ask } from "../api/client";

export const studio = $state<{
  session: Session | null;
  connected: boolean;
  jobs: Record<string, JobInfo>;
  said: { id: number; text: string }[];
}>({ session: null, connected: true, jobs: {}, said: [] });

let told = 0;

/** Tell the person something went wrong, for a while. */
export function say(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
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

type Listener = (data: unknown) => void;
const listeners: Record<string, Set<Listener>> = {};

/** Call `listener` with each piece of news of a topic, until what is returned is called. */
export function hear(topic: string, listener: Listener): () => void {
  (listeners[topic] ??= new Set()).add(listener);
  source?.addEventListener(topic, heard as EventListener);
  return () => listeners[topic]?.delete(listener);
}

function heard(event: MessageEvent<string>): void {
  const data = JSON.parse(event.data) as unknown;
  for (const listener of listeners[event.type] ?? []) listener(data);
}

let source: EventSource | null = null;

/** Listen to the server; the browser connects again by itself when the line was lost. */
export function connect(): void {
  source = new EventSource("api/events");
  source.onopen = () => {
    if (!studio.connected) void meet();
    studio.connected = true;
  };
  source.onerror = () => {
    studio.connected = false;
    if (source?.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
  hear("job", (data) => {
    const job = data as JobInfo;
    studio.jobs[job.id] = job;
  });
  for (const topic of Object.keys(listeners)) source.addEventListener(topic, heard as EventListener);
}
