/** The schema that a session's unqualified names are taken to be in: the first of its search path. */

const DEFAULT = "public";

/** One per session. */
export class SearchPath {
  #schema: string;

  /** `setting` as the client gave it at start-up, if it did. */
  constructor(setting: string | undefined) {
    this.#schema = firstOf(setting ?? DEFAULT);
  }

  /** The schema. */
  get schema(): string {
    return this.#schema;
  }

  /** After a SET, or when a transaction that had one was rolled back. */
  set schema(schema: string) {
    this.#schema = schema;
  }
}

/** The first schema of a list such as `"$user", public`; names without quotes fold to lower case. */
function firstOf(setting: string): string {
  for (const part of setting.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []) {
    const name = part.trim();
    const bare = name.startsWith('"')
      ? name.slice(1, -1).replaceAll('""', '"')
      : name.toLowerCase();
    if (bare !== "" && bare !== "$user") return bare;
  }
  return DEFAULT;
}
