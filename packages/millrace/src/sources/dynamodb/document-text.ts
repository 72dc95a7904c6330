import type { AttributeValue, Item } from "./api.ts";
import { plainNumber } from "./number-text.ts";
import { sortedMembers } from "./sorted-sets.ts";

/*
 * Hot: a document's text, built in one pass over the parsed item. Two forms:
 * - `plain`: what a reader who knows nothing of DynamoDB expects. Numbers are JSON numbers with all their digits, sets are
 *   arrays, in an order of ours (they have none), binary is base64 text. What type a value had is not in it.
 * - `dynamodb`: DynamoDB's own JSON, `{"id":{"S":"1"}}`: everything is in it.
 */

/** How a document is written. */
export type DocumentForm = "plain" | "dynamodb";

/** Names of attributes are few and their values many: each name is written once. */
const MAX_NAMES = 20_000;
const names = new Map<string, string>();

/** `"name":` */
export function memberName(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (names.size >= MAX_NAMES) names.clear();
  const text = `${JSON.stringify(name)}:`;
  names.set(name, text);
  return text;
}

/** A value in plain JSON. */
export function jsonOf(value: AttributeValue): string {
  if ("S" in value) return JSON.stringify(value.S);
  if ("N" in value) return plainNumber(value.N);
  if ("BOOL" in value) return value.BOOL ? "true" : "false";
  if ("M" in value) return jsonOfItem(value.M);
  if ("L" in value) return listOf(value.L);
  if ("NULL" in value) return "null";
  if ("SS" in value) return JSON.stringify(sortedMembers(value.SS));
  if ("NS" in value) return `[${sortedMembers(value.NS).map(plainNumber).join(",")}]`;
  // Base64 has no character that JSON would escape.
  if ("B" in value) return `"${value.B}"`;
  return JSON.stringify(sortedMembers(value.BS));
}

/** A map, or a whole item. */
export function jsonOfItem(item: Item): string {
  let text = "{";
  for (const name in item) {
    const value = item[name];
    if (value === undefined) continue;
    if (text.length > 1) text += ",";
    text += memberName(name) + jsonOf(value);
  }
  return `${text}}`;
}

function listOf(values: readonly AttributeValue[]): string {
  let text = "[";
  for (const value of values) {
    if (text.length > 1) text += ",";
    text += jsonOf(value);
  }
  return `${text}]`;
}

/** One value in the form. */
export function valueText(value: AttributeValue, form: DocumentForm): string {
  return form === "plain" ? jsonOf(value) : JSON.stringify(value);
}

/** A whole item in the form. */
export function itemText(item: Item, form: DocumentForm): string {
  return form === "plain" ? jsonOfItem(item) : JSON.stringify(item);
}
