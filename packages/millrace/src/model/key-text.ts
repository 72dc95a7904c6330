import type { LogicalType } from "./logical-type.ts";

/**
 * What makes equal values of a type one text; null where the server's text is unique already. One rule for all who have
 * to know which spellings are one key: lanes, windows and letters, and the hash of a key column.
 */
export function keyNormalisation(type: LogicalType): ((text: string) => string) | null {
  if (type.kind === "decimal") return decimalKey;
  if (type.kind === "float") return floatKey;
  if (type.kind === "interval") return intervalKey;
  if (type.kind === "jsonb") return jsonbKey;
  // Without a length nothing pads it: its blanks are the application's, and text at the sink keeps them.
  return type.kind === "text" && type.fixed === true && type.maxChars !== null ? unpadded : null;
}

/** Whether a key of this type may change its text and stay the same key, at a sink that keeps the type. */
export function isRespellable(type: LogicalType): boolean {
  // Blanks of a char(n) are always all there, and digits behind the point always as many as the column says.
  return type.kind === "decimal"
    ? type.precision === null
    : keyNormalisation(type) !== null && type.kind !== "text";
}

/** `10.50` and `10.5` are one key, and so are `-0.0` and `0`. */
export function decimalKey(text: string): string {
  if (!text.includes(".")) return text === "-0" ? "0" : text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end -= 1;
  if (text.charCodeAt(end - 1) === 46) end -= 1;
  const short = text.slice(0, end);
  return short === "-0" || short === "" || short === "-" ? "0" : short;
}

/** PostgreSQL prints one NaN; negative zero equals zero. */
function floatKey(text: string): string {
  return text === "-0" ? "0" : text;
}

/** `char(n)` is compared without trailing blanks. */
function unpadded(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

const DAY_US = 86_400_000_000n;

/** A jsonb text has one order of members and one spelling of everything but numbers: `1.0` and `1.00` are one key. */
export function jsonbKey(text: string): string {
  return text.replaceAll(JSONB_PARTS, (part) => (part.startsWith('"') ? part : decimalKey(part)));
}

/** Strings, in which nothing is a number, and numbers with a fraction. */
const JSONB_PARTS = /"(?:[^"\\]|\\.)*"|-?\d+\.\d+/g;

/** `1 day` and `24:00:00` are one key: PostgreSQL compares intervals with months of 30 days and days of 24 hours. */
export function intervalKey(text: string): string {
  const time = /(-?)(\d+):(\d+):(\d+)(?:\.(\d+))?$/.exec(text);
  const units = [...text.matchAll(/([+-]?\d+) (year|mon|day)/g)];
  if (time === null && units.length === 0) return text; // infinity
  let length = 0n;
  for (const [, count, unit] of units) {
    const days = unit === "year" ? 360n : unit === "mon" ? 30n : 1n;
    length += BigInt(count ?? 0) * days * DAY_US;
  }
  if (time === null) return String(length);
  const [, sign, hours = "0", minutes = "0", seconds = "0", fraction = ""] = time;
  const whole = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  const clock = whole * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
  return String(sign === "-" ? length - clock : length + clock);
}
