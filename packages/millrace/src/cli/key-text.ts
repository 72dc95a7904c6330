/**
 * The key of a row for a terminal, `id=42`: who asks which rows differ or were refused is told their keys and no other value.
 * What would move the cursor is shown as JSON shows it, and what is longer than `maxChars` is cut.
 */
export function keyText(
  key: Readonly<Record<string, string | null>>,
  maxChars = Number.POSITIVE_INFINITY,
): string {
  const parts = Object.entries(key).map(
    ([column, text]) => `${column}=${text === null ? "NULL" : printable(text)}`,
  );
  return cut(parts.length === 0 ? "none" : parts.join(" "), maxChars);
}

/** By code points: half of one is no character. */
function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const points = Array.from(text);
  return points.length <= maxChars ? text : `${points.slice(0, maxChars - 1).join("")}…`;
}

function printable(text: string): string {
  return /[\p{Cc}\p{Cf}\s"]/u.test(text) ? JSON.stringify(text) : text;
}
