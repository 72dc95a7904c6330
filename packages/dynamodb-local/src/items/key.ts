/** Keys of items: which lock they take, and which shard their records go to. */
import { createHash } from "node:crypto";
import { isFields, listIn, textIn, type Fields } from "../json.ts";
import { canonicalNumber, type Item } from "./item.ts";

/** The names of a table's key attributes, hash key first. */
export type KeyNames = readonly string[];

/** The key attributes of a `KeySchema`, hash key first. */
export function keyNamesOf(description: Fields): KeyNames {
  return listIn(description, "KeySchema").map((element) => textIn(element, "AttributeName") ?? "");
}

/** The key attributes of an item. */
export function keyOf(names: KeyNames, item: Item): Item {
  return Object.fromEntries(names.map((name) => [name, item[name]]));
}

/** One text for a key, whatever its spelling; undefined where an attribute is missing or is no key value. */
export function keyText(names: KeyNames, item: Item): string | undefined {
  const parts = names.map((name) => partOf(item[name]));
  return parts.includes(undefined) ? undefined : JSON.stringify(parts);
}

function partOf(value: unknown): string | undefined {
  if (!isFields(value)) return undefined;
  if (typeof value["S"] === "string") return `S${value["S"]}`;
  if (typeof value["N"] === "string") return `N${canonicalNumber(value["N"])}`;
  if (typeof value["B"] !== "string") return undefined;
  return `B${Buffer.from(value["B"], "base64").toString("base64")}`;
}

/** Where the hash key of an item lies between 0 and 1: partitions, and so shards, are ranges of it. */
export function partitionPoint(names: KeyNames, item: Item): number {
  const [hashKey = ""] = names;
  const digest = createHash("md5")
    .update(partOf(item[hashKey]) ?? "")
    .digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}
