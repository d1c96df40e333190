/** Asks a question again whenever it changes; only the last answer counts. To be called while a component begins. */
import { abandoned } from "../api/client";
import { say } from "../state/studio.svelte";

/** What `question` answers, null until it first has; `wait` ms are let pass for the hand to come to rest. */
export function asking<T>(question: () => ((signal: AbortSignal) => Promise<T>) | null, wait = 30): { readonly told: T | null } {
  let told = $state.raw<T | null>(null);
  $effect(() => {
    const ask = question();
    if (!ask) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      ask(abort.signal)
        .then((found) => (told = found))
        .catch((error) => {
          if (!abandoned(error)) say(error);
        });
    }, wait);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  });
  return {
    get told() {
      return told;
    },
  };
}
