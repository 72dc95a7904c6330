/*
 * JSON.parse of V8 (https://github.com/nodejs/node/issues/63785; Node 24 and 26) gives a member another member's name: once it
 * has made an object with a name that has a backslash in it, such as `\`, a name that is written with an escape, such as `"\n"`,
 * `"\""` or `"\u00fc"`, is taken for that one in any object that began with the same names. Found by `npm run fuzz`. So
 * JSON.parse never sees a name with a backslash here.
 */

const BACKSLASHES = [String.raw`\\`, String.raw`\u005c`, String.raw`\u005C`].map((text) =>
  Buffer.from(text),
);
/** A text, and what makes it a name. */
const TEXT = /("(?:[^"\\]|\\[^])*")(\s*:)?/g;
const HAS_BACKSLASH = /\\(?:\\|u005c)/i;

/** The JSON of a body. Hot for what has no backslash. @throws SyntaxError where it is none. */
export function parseBody(bytes: Buffer): unknown {
  const text = bytes.toString("utf8");
  return BACKSLASHES.some((backslash) => bytes.includes(backslash))
    ? parseRenamed(text)
    : JSON.parse(text);
}

/** Names with a backslash are others while JSON.parse looks at them. */
function parseRenamed(text: string): unknown {
  let prefix = "name";
  while (text.includes(`"${prefix}`)) prefix += "_";
  const names = new Map<string, string>();
  const renamed = text.replaceAll(TEXT, (whole, token: string, colon: string | undefined) => {
    if (colon === undefined || !HAS_BACKSLASH.test(token)) return whole;
    const standIn = `${prefix}${names.size}`;
    names.set(standIn, String(JSON.parse(token)));
    return `"${standIn}"${colon}`;
  });
  const value: unknown = JSON.parse(renamed);
  return names.size === 0 ? value : withNames(value, names);
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
