/** The actions of a transaction, read from its request. */
import { fieldsIn, isFields, type Fields } from "../json.ts";
import type { Realm } from "../realm.ts";
import { itemBounds } from "../rules/items.ts";
import { refuse } from "../rules/table.ts";
import type { Table } from "../tables/table.ts";
import type { Item } from "./item.ts";
import { keyOf, keyText } from "./key.ts";

/** What can be done with an item in a transaction. */
export type TransactionKind = "ConditionCheck" | "Put" | "Update" | "Delete" | "Get";

/** One action. */
export interface TransactionAction {
  readonly kind: TransactionKind;
  readonly table: Table;
  readonly key: Item;
  readonly request: Fields;
}

/** Reads them, each of one of the kinds. Throws a Refusal. */
export function readActions(
  realm: Realm,
  items: readonly Fields[],
  kinds: readonly TransactionKind[],
): readonly TransactionAction[] {
  checkCount(items.length);
  return items.map((item) => readAction(realm, item, kinds));
}

function checkCount(count: number): void {
  const most = itemBounds.transactionActions;
  if (count > 0 && count <= most) return;
  const constraint =
    count === 0
      ? "Member must have length greater than or equal to 1"
      : `Member must have length less than or equal to ${most}`;
  const value = count === 0 ? "[]" : `[${count} items]`;
  throw refuse("constraint", { value, member: "transactItems", constraint });
}

function readAction(
  realm: Realm,
  item: Fields,
  kinds: readonly TransactionKind[],
): TransactionAction {
  const given = kinds.filter((kind) => isFields(item[kind]));
  const [kind] = given;
  if (kind === undefined || given.length > 1) throw refuse("transactionAction");
  const request = fieldsIn(item, kind);
  const table = realm.table(request["TableName"]);
  if (table === undefined) throw refuse("itemTableNotFound");
  const named = fieldsIn(request, kind === "Put" ? "Item" : "Key");
  if (keyText(table.keyNames, named) === undefined) throw refuse("keySchema");
  return { kind, table, key: keyOf(table.keyNames, named), request };
}
