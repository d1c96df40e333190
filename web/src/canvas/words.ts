/** Numbers as people read them. */

export function memory(bytes: number): string {
  if (!bytes) return "";
  const at = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** at).toPrecision(4))} ${["B", "KiB", "MiB", "GiB"][at]}`;
}

export const count = (number: number): string => (number ? number.toLocaleString() : "");

/** As many digits as say something: 0.0123, 12.3. */
export const brief = (value: number | null | undefined, digits = 3): string =>
  value === null || value === undefined ? "–" : Number(value.toPrecision(digits)).toString();

/** A unit's number, with the digits that its arithmetic is followed in. */
export const figures = (value: number | null | undefined): string => brief(value, 5);
