/** What a person wishes of every page: language and theme, remembered by the browser. */
import { en } from "../i18n/en";
import { ko } from "../i18n/ko";

export type Language = "en" | "ko";
export type Theme = "auto" | "light" | "dark";
export type Words = typeof en;

const LANGUAGES: Record<Language, Words> = { en, ko };

function remembered<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
  const asked = new URLSearchParams(location.search).get(name) ?? localStorage.getItem(`pellucid-${name}`);
  return allowed.includes(asked as T) ? (asked as T) : otherwise;
}

const own: Language = navigator.language.startsWith("ko") ? "ko" : "en";
export const wishes = $state({
  language: remembered<Language>("language", ["en", "ko"], own),
  theme: remembered<Theme>("theme", ["auto", "light", "dark"], "auto"),
});

history.replaceState(null, "", location.pathname + location.search.replace(/(?<=[?&])(theme|language)=[^&]*&?/g, "").replace(/[?&]$/, ""));
keep();

function keep(): void {
  localStorage.setItem("pellucid-language", wishes.language);
  localStorage.setItem("pellucid-theme", wishes.theme);
}

export function wish(change: Partial<typeof wishes>): void {
  Object.assign(wishes, change);
  keep();
}

/** The words of the language that is wished: `t().network.title`. */
export function t(): Words {
  return LANGUAGES[wishes.language];
}
