import { randomBytes } from "node:crypto";

/** So many characters of text that does not compress. */
export function noise(length: number): string {
  return randomBytes(Math.ceil(length * 0.75) + 3)
    .toString("base64")
    .slice(0, length);
}
