/** How far a shard was read: nothing of it yet. */
export const BEGIN = "";
/** How far a shard was read: it is closed, and its last record was given. */
export const END = "end";

const ZERO = 48;

/**
 * Order of two places in a shard: {@link BEGIN}, sequence numbers as numbers, {@link END}. Numbers are decimal text of
 * several lengths: compared by length, then as text. Hot: no BigInt.
 */
export function compareSequences(a: string, b: string): number {
  if (a === b) return 0;
  if (a === END) return 1;
  if (b === END) return -1;
  const [one, other] = [withoutZeros(a), withoutZeros(b)];
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : one > other ? 1 : 0;
}

function withoutZeros(digits: string): string {
  if (digits.charCodeAt(0) !== ZERO) return digits;
  let first = 1;
  while (first < digits.length - 1 && digits.charCodeAt(first) === ZERO) first++;
  // "0" and "00" are one number, which is behind BEGIN.
  return digits.slice(Math.min(first, digits.length - 1));
}
