/** GetItem, BatchGetItem, Query, Scan: dynalite's, within the throughput of the table. */
import type { Call } from "../call.ts";
import { metered } from "../capacity/throttle.ts";
import { fieldsIn, isFields, type Fields } from "../json.ts";
import type { EngineAction } from "./engine.ts";
import { takenOut } from "./unprocessed.ts";

/** The handler of an action that reads one table. */
export function readHandler(action: EngineAction): (call: Call) => Promise<Fields> {
  return async (call) => {
    const { realm, request } = call;
    const table = realm.table(request["TableName"]);
    if (table === undefined) return realm.engine.call(action, request);
    return metered(call, "read", [table], (metric) =>
      realm.engine.call(action, { ...metric, TableName: table.name }),
    );
  };
}

/** Answers BatchGetItem. */
export async function batchGet(call: Call): Promise<Fields> {
  const { realm, request, faults } = call;
  const { kept, left } = takenOut(fieldsIn(request, "RequestItems"), faults, "Keys");
  const tables = Object.keys(kept).flatMap((name) => realm.table(name) ?? []);
  if (tables.length === 0 && left !== undefined) return { Responses: {}, UnprocessedKeys: left };
  const answer = await metered(call, "read", tables, (metric) =>
    realm.engine.call("BatchGetItem", { ...metric, RequestItems: kept }),
  );
  if (left === undefined) return answer;
  const more = isFields(answer["UnprocessedKeys"]) ? answer["UnprocessedKeys"] : {};
  return { ...answer, UnprocessedKeys: { ...more, ...left } };
}
