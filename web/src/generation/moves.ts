/** Moves as they stand in the address: letters with their number, b200c1g1. */

/** `moves` and then `count` more of a letter. */
export function joined(moves: string, letter: string, count: number): string {
  const last = /([bcg])(\d*)$/.exec(moves);
  if (last?.[1] !== letter) return `${moves}${letter}${count}`;
  return `${moves.slice(0, last.index)}${letter}${Number(last[2] || 1) + count}`;
}

/** How many moves these are. */
export function counted(moves: string): number {
  return [...moves.matchAll(/[bcg](\d*)/g)].reduce((sum, [, number]) => sum + Number(number || 1), 0);
}
