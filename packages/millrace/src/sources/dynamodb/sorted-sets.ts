import type { AttributeValue, Item } from "./api.ts";

/** Members of a set in an order of ours: that of their texts. Hot: once per set. */
export function sortedMembers(members: readonly string[]): string[] {
  return members.toSorted();
}

/**
 * The item with the members of its sets in an order of ours, in maps and lists too; itself where it has none. Sets have no order, and the
 * service promises none: two rows of one item have to be the same text, whoever told of it. Hot: once per item.
 */
export function withSortedSets(item: Item): Item {
  return hasSets(item) ? sortedItem(item) : item;
}

function hasSets(item: Item): boolean {
  for (const name in item) {
    const value = item[name];
    if (value !== undefined && isOrHasSet(value)) return true;
  }
  return false;
}

function isOrHasSet(value: AttributeValue): boolean {
  if ("M" in value) return hasSets(value.M);
  if ("L" in value) return value.L.some(isOrHasSet);
  return "SS" in value || "NS" in value || "BS" in value;
}

function sortedItem(item: Item): Item {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, sorted(value)]));
}

function sorted(value: AttributeValue): AttributeValue {
  if ("M" in value) return { M: sortedItem(value.M) };
  if ("L" in value) return { L: value.L.map(sorted) };
  if ("SS" in value) return { SS: sortedMembers(value.SS) };
  if ("NS" in value) return { NS: sortedMembers(value.NS) };
  if ("BS" in value) return { BS: sortedMembers(value.BS) };
  return value;
}
