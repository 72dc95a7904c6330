import type { Refusal } from "./option-type.ts";
import { nearestName } from "./nearest-name.ts";

/** Flink CDC's names of schema changes. */
const TAGS = [
  "add.column",
  "alter.column.type",
  "create.table",
  "drop.column",
  "drop.table",
  "rename.column",
  "truncate.table",
  "alter.table.comment",
] as const;

type Tag = (typeof TAGS)[number];

const FAMILIES: Readonly<Record<string, readonly Tag[]>> = {
  add: ["add.column"],
  alter: ["alter.column.type", "alter.table.comment"],
  create: ["create.table"],
  drop: ["drop.column", "drop.table"],
  rename: ["rename.column"],
  table: ["create.table", "drop.table", "truncate.table", "alter.table.comment"],
  column: ["add.column", "alter.column.type", "drop.column", "rename.column"],
  all: TAGS,
};

/** Changes that are always made at the sink under `evolve`, since without them both sides differ. */
const ALWAYS: readonly Tag[] = [
  "add.column",
  "alter.column.type",
  "drop.column",
  "rename.column",
  "truncate.table",
];

/** What the two lists come to. */
export interface TagChoice {
  readonly dropTables: boolean;
  readonly createTables: boolean;
}

/** Debezium's option of the same name is true or false. */
const DEBEZIUMS =
  "Debezium's topic of schema changes is schema-changes.topic here; this is a list of what is made at the sink, such as [all]";

/** The tags that a list names, or what is wrong with its first bad word. */
export function expandTags(words: readonly string[]): ReadonlySet<string> | Refusal {
  const known = [...TAGS, ...Object.keys(FAMILIES)];
  const tags = new Set<string>();
  for (const word of words) {
    const found = Object.hasOwn(FAMILIES, word)
      ? FAMILIES[word]
      : TAGS.filter((tag) => tag === word);
    if (found === undefined || found.length === 0) {
      const nearest = nearestName(word, known);
      return {
        wrong: `"${word}" is not a schema change`,
        remedy: /^(?:true|false)$/.test(word)
          ? DEBEZIUMS
          : nearest === null
            ? `Write some of ${known.join(", ")}`
            : `Did you mean ${nearest}?`,
      };
    }
    for (const tag of found) tags.add(tag);
  }
  return tags;
}

/**
 * What `include.schema.changes` and `exclude.schema.changes` come to; null is a list that was not given. Only
 * `drop.table` and `create.table` can be chosen one by one. As in Flink CDC, `create.table` belongs to every include
 * list; other than there, an exclude list does not let `drop.table` in.
 */
export function chooseTags(
  include: ReadonlySet<string> | null,
  exclude: ReadonlySet<string> | null,
): TagChoice | Refusal {
  const wanted =
    include === null
      ? new Set<string>([...ALWAYS, "create.table"])
      : new Set([...include, "create.table"]);
  for (const tag of exclude ?? []) wanted.delete(tag);
  const missing = ALWAYS.filter((tag) => !wanted.has(tag));
  if (missing.length > 0) {
    return {
      wrong: `leaves out ${missing.join(", ")}, which cannot be left out one by one`,
      remedy: "Let them in, or write schema.change.behavior: ignore to leave all of them out",
    };
  }
  return { dropTables: wanted.has("drop.table"), createTables: wanted.has("create.table") };
}
