/** Tags of tables. */
import type { Call } from "../call.ts";
import { textIn, textsIn, listIn, type Fields } from "../json.ts";
import { refuse } from "../rules/table.ts";
import type { Table } from "./table.ts";

const BOUNDS = { tags: 50, key: 128, value: 256 } as const;

/** Answers TagResource. */
export async function tagResource(call: Call): Promise<Fields> {
  const table = tableOfArn(call);
  const given = listIn(call.request, "Tags");
  if (given.length === 0) throw refuse("tagNone");
  for (const [key, value] of checkTags(given, table.tags)) table.tags.set(key, value);
  call.realm.tags.note(table.arn, table.tags);
  return {};
}

/** Answers UntagResource. */
export async function untagResource(call: Call): Promise<Fields> {
  const table = tableOfArn(call);
  const keys = textsIn(call.request, "TagKeys");
  if (keys.length === 0) throw refuse("tagKeyNone");
  for (const key of keys) table.tags.delete(key);
  call.realm.tags.note(table.arn, table.tags);
  return {};
}

/** Answers ListTagsOfResource; ten at a time, as the service does. */
export async function listTags(call: Call): Promise<Fields> {
  const table = tableOfArn(call);
  const all = [...table.tags].map(([Key, Value]) => ({ Key, Value }));
  const start = Number(textIn(call.request, "NextToken") ?? 0);
  const next = start + PAGE;
  return {
    Tags: all.slice(start, next),
    ...(next < all.length ? { NextToken: String(next) } : {}),
  };
}

const PAGE = 10;

function tableOfArn({ realm, request }: Call): Table {
  const arn = textIn(request, "ResourceArn") ?? "";
  const table = realm.table(arn);
  if (table === undefined || table.arn !== arn) throw refuse("tagTable", { arn });
  return table;
}

/** The tags of a request, beside those that are there. Throws a Refusal. */
export function checkTags(
  given: readonly Fields[],
  there: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const tag of given) {
    const [key, value] = [textIn(tag, "Key") ?? "", textIn(tag, "Value")];
    if (key === "" || key.length > BOUNDS.key) throw refuse("tagKey", { key });
    if (key.startsWith("aws:")) throw refuse("tagReserved", { key });
    if (value === undefined || value.length > BOUNDS.value) {
      throw refuse("tagValue", { value: value ?? "null" });
    }
    if (tags.has(key)) throw refuse("tagTwice", { key });
    tags.set(key, value);
  }
  if (new Set([...there.keys(), ...tags.keys()]).size > BOUNDS.tags) throw refuse("tooManyTags");
  return tags;
}
