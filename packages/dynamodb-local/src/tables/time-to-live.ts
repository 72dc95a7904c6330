/** Items that end by themselves: the setting, and the sweep that deletes them. */
import type { Call } from "../call.ts";
import { fieldsIn, isFields, listIn, textIn, type Fields } from "../json.ts";
import { keyOf } from "../items/key.ts";
import type { Item } from "../items/item.ts";
import { itemLock } from "../items/writes.ts";
import type { Realm } from "../realm.ts";
import { refuse } from "../rules/table.ts";
import { tableOf } from "./describe.ts";
import type { Table } from "./table.ts";

/** A time this long ago is no time: the service leaves such items alone. */
const OLDEST_SECONDS = 5 * 365 * 86_400;

/** Answers UpdateTimeToLive. */
export async function updateTimeToLive(call: Call): Promise<Fields> {
  const table = tableOf(call);
  const specification = fieldsIn(call.request, "TimeToLiveSpecification");
  const attribute = textIn(specification, "AttributeName") ?? "";
  const enabled = specification["Enabled"] === true;
  const now = table.timeToLive;
  if (enabled && now?.enabled === true) throw refuse("ttlEnabled");
  if (!enabled && now?.enabled !== true) throw refuse("ttlDisabled");
  if (!enabled && now !== undefined && now.attribute !== attribute) {
    throw refuse("ttlOtherAttribute", { attribute: now.attribute });
  }
  table.timeToLive = { attribute, enabled };
  return { TimeToLiveSpecification: { AttributeName: attribute, Enabled: enabled } };
}

/** Answers DescribeTimeToLive. */
export async function describeTimeToLive(call: Call): Promise<Fields> {
  const { timeToLive } = tableOf(call);
  return {
    TimeToLiveDescription:
      timeToLive?.enabled === true
        ? { TimeToLiveStatus: "ENABLED", AttributeName: timeToLive.attribute }
        : { TimeToLiveStatus: "DISABLED" },
  };
}

/** Deletes what is over, in all tables of a realm; gives how many items that were. */
export async function sweepExpired(realm: Realm): Promise<number> {
  let deleted = 0;
  for (const table of realm.tables.values()) {
    if (table.timeToLive?.enabled === true) deleted += await sweepTable(realm, table);
  }
  return deleted;
}

async function sweepTable(realm: Realm, table: Table): Promise<number> {
  let deleted = 0;
  let from: unknown;
  do {
    const start = isFields(from) ? { ExclusiveStartKey: from } : {};
    const page = await realm.engine.call("Scan", { TableName: table.name, ...start });
    for (const item of listIn(page, "Items")) {
      if (isOver(realm, table, item) && (await deleteExpired(realm, table, item))) deleted += 1;
    }
    from = page["LastEvaluatedKey"];
  } while (isFields(from));
  return deleted;
}

function isOver(realm: Realm, { timeToLive }: Table, item: Item): boolean {
  const value = fieldsIn(item, timeToLive?.attribute ?? "")["N"];
  const nowSeconds = realm.clock.nowMs() / 1_000;
  const atSeconds = typeof value === "string" ? Number(value) : Number.NaN;
  return atSeconds <= nowSeconds && atSeconds > nowSeconds - OLDEST_SECONDS;
}

/** It is looked at again under its lock: somebody may have prolonged it. */
async function deleteExpired(realm: Realm, table: Table, found: Item): Promise<boolean> {
  const key = keyOf(table.keyNames, found);
  return realm.locks.hold([itemLock(table, key)], async () => {
    const before = await realm.engine.read(table.name, key);
    if (before === undefined || !isOver(realm, table, before)) return false;
    await realm.engine.call("DeleteItem", { TableName: table.name, Key: key });
    table.stream?.append({ before, after: undefined, expired: true }, realm.clock.nowMs());
    return true;
  });
}
