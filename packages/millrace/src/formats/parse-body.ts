/*
 * JSON.parse of V8 (https://github.com/nodejs/node/issues/63785; Node 24 and 26) gives a member another member's name: once it
 * has made an object with a name that has a backslash in it, such as `\`, a name that is written with an escape, such as `"\n"`,
 * `"\""` or `"\u00fc"`, is taken for that one in any object that began with the same names. Found by `npm run fuzz`. So
 * JSON.parse never sees a name with a backslash here, nor in whatever else reads items.
 */

const BACKSLASHES = [String.raw`\\`, String.raw`\u005c`, String.raw`\u005C`].map((text) =>
  Buffer.from(text),
);
const HAS_BACKSLASH = /\\(?:\\|u005c)/i;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const BLANK = 0x20;

/** The JSON of a body. Hot for one without names that have a backslash. @throws SyntaxError where it is none. */
export function parseBody(bytes: Buffer): unknown {
  if (BACKSLASHES.some((backslash) => bytes.includes(backslash))) {
    const names = namesWithBackslash(bytes);
    if (names.length > 0) return parseRenamed(bytes, names);
  }
  return JSON.parse(bytes.toString("utf8"));
}

/** Where a name stands, with its quotes. */
interface NamePlace {
  readonly start: number;
  readonly end: number;
}

/** Only texts with an escape are looked at byte by byte: values with a backslash are many. */
function namesWithBackslash(bytes: Buffer): readonly NamePlace[] {
  const names: NamePlace[] = [];
  let escape = bytes.indexOf(BACKSLASH);
  while (escape >= 0) {
    const start = bytes.lastIndexOf(QUOTE, escape);
    const end = pastText(bytes, escape);
    if (start >= 0 && isName(bytes, end) && HAS_BACKSLASH.test(bytes.toString("utf8", start, end)))
      names.push({ start, end });
    escape = bytes.indexOf(BACKSLASH, end);
  }
  return names;
}

/** Behind the quote that ends the text. */
function pastText(bytes: Buffer, escape: number): number {
  let at = escape;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function isName(bytes: Buffer, end: number): boolean {
  let at = end;
  while ((bytes[at] ?? COLON) <= BLANK) at++;
  return bytes[at] === COLON;
}

/** Names with a backslash are others while JSON.parse looks at them. */
function parseRenamed(bytes: Buffer, places: readonly NamePlace[]): unknown {
  let prefix = "name";
  while (bytes.includes(`"${prefix}`)) prefix += "_";
  const names = new Map<string, string>();
  const parts: string[] = [];
  let behind = 0;
  for (const { start, end } of places) {
    const standIn = `${prefix}${names.size}`;
    names.set(standIn, String(JSON.parse(bytes.toString("utf8", start, end))));
    parts.push(bytes.toString("utf8", behind, start), `"${standIn}"`);
    behind = end;
  }
  parts.push(bytes.toString("utf8", behind));
  return withNames(JSON.parse(parts.join("")), names);
}

/** Objects without a prototype leave no shape behind that another one could be taken for. */
function withNames(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((member: unknown) => withNames(member, names));
  if (typeof value !== "object" || value === null) return value;
  const made = Object.create(null) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value))
    made[names.get(name) ?? name] = withNames(member, names);
  return made;
}
