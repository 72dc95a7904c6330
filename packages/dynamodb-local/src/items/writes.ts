/** PutItem, UpdateItem, DeleteItem: dynalite writes, we note what the write did to the item. */
import type { Call } from "../call.ts";
import { metered } from "../capacity/throttle.ts";
import { fieldsIn, isFields, textIn, type Fields } from "../json.ts";
import type { Realm } from "../realm.ts";
import { Refusal } from "../rules/refusal.ts";
import type { Table } from "../tables/table.ts";
import type { Item } from "./item.ts";
import { keyOf, keyText } from "./key.ts";

/** Actions that write one item. */
export type WriteAction = "PutItem" | "UpdateItem" | "DeleteItem";

/** The name of the lock of an item. */
export function itemLock(table: Table, item: Item): string {
  return `${table.name}/${keyText(table.keyNames, item) ?? ""}`;
}

/** The handler of an action that writes one item. */
export function writeHandler(action: WriteAction): (call: Call) => Promise<Fields> {
  return async (call) => {
    const { realm, request } = call;
    const table = realm.table(request["TableName"]);
    const named = fieldsIn(request, action === "PutItem" ? "Item" : "Key");
    // What has no table or no key is refused by dynalite, in its own words.
    if (table === undefined || keyText(table.keyNames, named) === undefined) {
      return realm.engine.call(action, request);
    }
    const key = keyOf(table.keyNames, named);
    return realm.locks.hold([itemLock(table, key)], () =>
      metered(call, "write", [table], (metric) =>
        writeOne(realm, table, key, action, { ...metric, TableName: table.name }),
      ),
    );
  };
}

/** One write, by whoever holds the lock of the item. */
async function writeOne(
  realm: Realm,
  table: Table,
  key: Item,
  action: WriteAction,
  request: Fields,
): Promise<Fields> {
  if (table.stream === undefined) return refusable(realm, table, key, action, request);
  const before = await realm.engine.read(table.name, key);
  const answer = await refusable(realm, table, key, action, request);
  const after = action === "DeleteItem" ? undefined : await realm.engine.read(table.name, key);
  table.stream.append({ before, after }, realm.clock.nowMs());
  return answer;
}

/** A condition that fails tells the item, where the request asks for it. */
async function refusable(
  realm: Realm,
  table: Table,
  key: Item,
  action: WriteAction,
  request: Fields,
): Promise<Fields> {
  try {
    return await realm.engine.call(action, request);
  } catch (error) {
    const isAsked = textIn(request, "ReturnValuesOnConditionCheckFailure") === "ALL_OLD";
    if (!(error instanceof Refusal) || !isAsked || !isConditionFailure(error)) throw error;
    const item = await realm.engine.read(table.name, key);
    if (!isFields(item)) throw error;
    throw new Refusal(error.code, error.message, error.status, { Item: item });
  }
}

/** Whether a condition was not met. */
export function isConditionFailure(error: Refusal): boolean {
  return error.code === "ConditionalCheckFailedException";
}
