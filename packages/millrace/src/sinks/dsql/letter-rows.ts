import { deadLetterOf, type DeadLetter } from "../../model/dead-letter.ts";

/*
 * The parts of a compound key are told apart by a character that no text of PostgreSQL may hold, and so no column of
 * the state tables either. It is written as `\\0`, and a backslash as two.
 */

/** A key as the state tables hold it. */
export function storedKey(key: string): string {
  return key.replaceAll("\\", "\\\\").replaceAll("\u0000", "\\0");
}

/** The key that was stored so. */
export function keyOfStored(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, char: string) => (char === "0" ? "\u0000" : char));
}

/** A letter as the state tables hold it. */
export function storedLetter(letter: DeadLetter): string {
  return JSON.stringify({ ...letter, key: storedKey(letter.key) });
}

/** The letter that was stored so. */
export function letterOfStored(text: string): DeadLetter {
  const letter = deadLetterOf(JSON.parse(text) as DeadLetter);
  return { ...letter, key: keyOfStored(letter.key) };
}
