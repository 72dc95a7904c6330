/** TransactGetItems: all items as of one moment. */
import type { Call } from "../call.ts";
import { isFields, listIn, textIn, type Fields } from "../json.ts";
import { itemBytes } from "./item.ts";
import { readActions } from "./transaction-actions.ts";
import { itemLock } from "./writes.ts";

const UNIT_BYTES = 4_096;

/** Answers TransactGetItems. Writers of the items wait until all of them are read. */
export async function transactGet({ realm, request }: Call): Promise<Fields> {
  const actions = readActions(realm, listIn(request, "TransactItems"), ["Get"]);
  const locks = actions.map(({ table, key }) => itemLock(table, key));
  const items = await realm.locks.hold(locks, () =>
    Promise.all(
      actions.map(async ({ table, request: get }) => {
        const asked = { ...get, TableName: table.name, ConsistentRead: true };
        return (await realm.engine.call("GetItem", asked))["Item"];
      }),
    ),
  );
  const responses = items.map((item) => (isFields(item) ? { Item: item } : {}));
  if ((textIn(request, "ReturnConsumedCapacity") ?? "NONE") === "NONE")
    return { Responses: responses };
  const used = actions.map(({ table }, index) => ({
    TableName: table.name,
    CapacityUnits: 2 * Math.max(1, Math.ceil(itemBytes(itemAt(items, index)) / UNIT_BYTES)),
  }));
  return { Responses: responses, ConsumedCapacity: merged(used) };
}

function itemAt(items: readonly unknown[], index: number): Fields {
  const item = items[index];
  return isFields(item) ? item : {};
}

function merged(used: readonly { TableName: string; CapacityUnits: number }[]): readonly Fields[] {
  const units = new Map<string, number>();
  for (const { TableName, CapacityUnits } of used) {
    units.set(TableName, (units.get(TableName) ?? 0) + CapacityUnits);
  }
  return [...units].map(([TableName, CapacityUnits]) => ({ TableName, CapacityUnits }));
}
