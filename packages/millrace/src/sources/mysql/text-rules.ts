import type { FindingRule, Observed } from "./finding-rule.ts";
import { parseColumnType } from "./types.ts";

/** Of many, how many are named. */
const MOST_NAMED = 3;
/** Text in these is what every sink has. */
const UNICODE: ReadonlySet<string> = new Set(
  "utf8mb4 utf8mb3 utf8 ucs2 utf16 utf16le utf32 ascii binary".split(" "),
);

/** What text means at the source and not at the sink. */
export const TEXT_RULES: readonly FindingRule[] = [
  {
    severity: "notice",
    when: ({ looseKeys }) => looseKeys.length > 0,
    what: ({ looseKeys }) =>
      `By its collation the server holds several spellings of a key to be one, such as 'a' and 'A': ${named(looseKeys)}.`,
    follows: () =>
      "Sinks tell keys apart by their bytes. Rows stay the same, but who looks one up there has to spell its key as it was written, and so has a foreign key of the target's own.",
    remedy: () =>
      "Nothing where keys are always spelled alike; else write them so, or give the columns a _bin collation.",
  },
  {
    severity: "notice",
    when: (observed) => otherCharsets(observed).size > 0,
    what: (observed) => {
      const columns = [...otherCharsets(observed)].map(([charset, names]) => [charset, names[0]]);
      return `There is text in charsets other than Unicode: ${columns.map(([charset, first]) => `${charset} (as in ${first})`).join(", ")}.`;
    },
    follows: () =>
      "It becomes UTF-8 as the server itself converts it: bytes that are no character there become question marks, and UTF-8 that an application wrote into such a column stays as garbled as SELECT shows it.",
    remedy: () =>
      "SELECT CONVERT(CAST(column AS BINARY) USING utf8mb4) is readable where an application wrote UTF-8: make such a column a BLOB, and then utf8mb4, before it is copied.",
  },
];

/** The columns of each charset that is no Unicode. */
function otherCharsets({ discovery }: Observed): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { shape } of discovery.tables)
    for (const { name, sourceType } of shape.columns) {
      const charset = parseColumnType(sourceType)?.charset ?? null;
      if (charset === null || UNICODE.has(charset)) continue;
      found.set(charset, [...(found.get(charset) ?? []), `${shape.id}.${name}`]);
    }
  return found;
}

function named(all: readonly string[]): string {
  const more = all.length - MOST_NAMED;
  return `${all.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
