import type { ColumnType } from "../../schema/document-columns.ts";
import type { AttributeValue, Item, TableDescription } from "./api.ts";
import { typeOfTag } from "./column-types.ts";

/** What a sample says of one attribute. */
export interface SeenAttribute {
  readonly name: string;
  /** Items that have it, NULL not counted. */
  readonly count: number;
  /** Types that it had, the most frequent first. */
  readonly types: readonly { readonly tag: string; readonly count: number }[];
  /** The column's type; null where it stays in the document. */
  readonly type: ColumnType | null;
  /** In a few words without values: what decided. */
  readonly why: string;
}

/** What a sample of a table says, the most frequent attribute first. */
export interface Inference {
  readonly items: number;
  readonly attributes: readonly SeenAttribute[];
}

/** What decides which attributes become columns. */
export interface InferenceRules {
  /** Least share of the items that have it. */
  readonly share: number;
  /** Names that are taken. */
  readonly taken: ReadonlySet<string>;
}

/** PostgreSQL cuts longer names, and two could become one. */
const MAX_NAME_BYTES = 63;
/** DSQL takes 255 columns; some are left for what comes later. */
const MAX_COLUMNS = 200;

const TYPES = ["S", "N", "BOOL", "M", "L", "NULL", "SS", "NS", "B", "BS"] as const;

/** The word for a value's type. */
export function tagOf(value: AttributeValue): string {
  return TYPES.find((tag) => tag in value) ?? "?";
}

/** Pure: which top-level attributes of a sample become columns, and why the others do not. */
export function inferColumns(
  items: readonly Item[],
  key: TableDescription["key"],
  rules: InferenceRules,
): Inference {
  const seen = new Map<string, Map<string, number>>();
  const keys = new Set(key.map(({ name }) => name));
  for (const item of items)
    for (const [name, value] of Object.entries(item))
      if (!keys.has(name)) count(seen, name, tagOf(value));
  const attributes = [...seen]
    .map(([name, tags]) => judged(name, tags, items.length, rules))
    .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  let columns = 0;
  const bounded = attributes.map((attribute) =>
    attribute.type === null || ++columns <= MAX_COLUMNS
      ? attribute
      : { ...attribute, type: null, why: `${MAX_COLUMNS} columns are there already` },
  );
  return { items: items.length, attributes: bounded };
}

function count(seen: Map<string, Map<string, number>>, name: string, tag: string): void {
  let tags = seen.get(name);
  if (tags === undefined) seen.set(name, (tags = new Map<string, number>()));
  tags.set(tag, (tags.get(tag) ?? 0) + 1);
}

function judged(
  name: string,
  tags: ReadonlyMap<string, number>,
  items: number,
  { share, taken }: InferenceRules,
): SeenAttribute {
  const types = [...tags]
    .map(([tag, times]) => ({ tag, count: times }))
    .filter(({ tag }) => tag !== "NULL")
    .toSorted((a, b) => b.count - a.count);
  const total = types.reduce((sum, each) => sum + each.count, 0);
  const stays = (why: string): SeenAttribute => ({ name, count: total, types, type: null, why });
  const [only] = types;
  if (only === undefined) return stays("it is always NULL");
  if (types.length > 1)
    return stays(`it has several types: ${types.map(({ tag }) => tag).join(", ")}`);
  const { tag } = only;
  if (tag !== "S" && tag !== "N" && tag !== "B" && tag !== "BOOL") return stays(`it is ${tag}`);
  if (total < items * share) return stays("it is in too few items");
  const refusal = nameRefusal(name);
  if (refusal !== null) return stays(refusal);
  if (taken.has(name)) return stays("another column has its name");
  return { name, count: total, types, type: typeOfTag(tag), why: `it is always ${tag}` };
}

/** Why a name cannot be a column's at a SQL sink, as what follows "it"; null where it can. */
export function nameRefusal(name: string): string | null {
  if (name === "" || name.includes("\u0000")) return "has a name that no column can have";
  return Buffer.byteLength(name) > MAX_NAME_BYTES
    ? `has a name of more than ${MAX_NAME_BYTES} bytes`
    : null;
}
