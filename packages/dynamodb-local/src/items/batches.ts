/** BatchWriteItem: one record for each item that it changes. */
import type { Call } from "../call.ts";
import { metered } from "../capacity/throttle.ts";
import { fieldsIn, listIn, type Fields } from "../json.ts";
import type { Realm } from "../realm.ts";
import type { Table } from "../tables/table.ts";
import type { Item } from "./item.ts";
import { keyOf, keyText } from "./key.ts";
import { takenOut } from "./unprocessed.ts";
import { itemLock } from "./writes.ts";

/** An item that is written, by a batch or a transaction. */
interface Target {
  readonly table: Table;
  readonly key: Item;
}

/** Answers BatchWriteItem. */
export async function batchWrite(call: Call): Promise<Fields> {
  const { realm, request, faults } = call;
  const { kept, left } = takenOut(fieldsIn(request, "RequestItems"), faults);
  if (left !== undefined && Object.keys(kept).length === 0) return { UnprocessedItems: left };
  const targets = targetsOf(realm, kept);
  const tables = [...new Set(targets.map(({ table }) => table))];
  const locks = targets.map(({ table, key }) => itemLock(table, key));
  const answer = await realm.locks.hold(locks, () =>
    metered(call, "write", tables, (metric) =>
      recorded(realm, targets, () =>
        realm.engine.call("BatchWriteItem", { ...metric, RequestItems: kept }),
      ),
    ),
  );
  return left === undefined ? answer : { ...answer, UnprocessedItems: left };
}

/** What is written; a request without a table or a key is refused by dynalite. */
function targetsOf(realm: Realm, items: Fields): readonly Target[] {
  return Object.keys(items).flatMap((name) => {
    const table = realm.table(name);
    if (table === undefined) return [];
    return listIn(items, name).flatMap((write) => {
      const named = { ...fieldsIn(fieldsIn(write, "PutRequest"), "Item") };
      const item = { ...named, ...fieldsIn(fieldsIn(write, "DeleteRequest"), "Key") };
      if (keyText(table.keyNames, item) === undefined) return [];
      return [{ table, key: keyOf(table.keyNames, item) }];
    });
  });
}

async function recorded(
  realm: Realm,
  targets: readonly Target[],
  work: () => Promise<Fields>,
): Promise<Fields> {
  const streamed = targets.filter(({ table }) => table.stream !== undefined);
  const read = ({ table, key }: Target): Promise<Item | undefined> =>
    realm.engine.read(table.name, key);
  const before = await Promise.all(streamed.map(read));
  const answer = await work();
  const after = await Promise.all(streamed.map(read));
  for (const [index, { table }] of streamed.entries()) {
    const change = { before: before[index], after: after[index] };
    table.stream?.append(change, realm.clock.nowMs());
  }
  return answer;
}
