/**
 * Where a person is: everything that is shown is said in the page's address, so that a copied link reopens it.
 * `address` is Pellucid's own: a layer, channel or unit.
 */
export interface Place {
  page: string;
  network: string;
  picture: string;
  address: string;
  opened: string[];
  view: string;
  [extra: string]: string | string[];
}

const LISTS = new Set(["opened", "methods", "runs", "pictures", "changes", "boxes", "compared", "trail"]);
const WISHES = new Set(["theme", "language"]); // the browser remembers these: a link only proposes them

function read(): Place {
  const words = new URLSearchParams(location.search);
  const place: Place = { page: "network", network: "", picture: "", address: "", opened: [], view: "" };
  for (const name of new Set(words.keys())) {
    if (WISHES.has(name)) continue;
    place[name] = LISTS.has(name) ? words.getAll(name) : (words.get(name) ?? "");
  }
  return place;
}

function written(place: Place): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(place)) {
    if (Array.isArray(value)) for (const each of value) words.append(name, each);
    else if (value && !(name === "page" && value === "network")) words.set(name, value);
  }
  const said = words.toString();
  return said ? `?${said}` : location.pathname;
}

export const place = $state<Place>(read());

/** Go to another place. `replace` leaves no step for the back button: for what changes while one moves. */
export function go(change: Partial<Place>, replace = false): void {
  Object.assign(place, change);
  const address = written($state.snapshot(place) as Place);
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

/** The extra word `name` of the place, "" where it says nothing. */
export function word(name: string): string {
  const value = place[name];
  return typeof value === "string" ? value : "";
}

/** The extra list `name` of the place. */
export function list(name: string): string[] {
  const value = place[name];
  return Array.isArray(value) ? value : [];
}

window.addEventListener("popstate", () => {
  const now = read();
  for (const name of Object.keys(place)) if (!(name in now)) delete place[name];
  Object.assign(place, now);
});
