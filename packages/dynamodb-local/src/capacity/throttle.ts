/** Refuses what is over a table's throughput, by the units that dynalite counts. */
import type { Call } from "../call.ts";
import { isFields, numberIn, textIn, without, type Fields } from "../json.ts";
import { refuse } from "../rules/table.ts";
import type { Settings } from "../options.ts";
import type { Table } from "../tables/table.ts";
import { Bucket } from "./bucket.ts";

/** Whether a call reads or writes. */
export type Direction = "read" | "write";

/** Gives a table the buckets of its throughput; a table without a limit has none. */
export function fillBuckets(table: Table, throughput: Throughput, settings: Settings): void {
  const { burstSeconds } = settings;
  // The service's own time goes on where a test's clock stands or jumps.
  const make = (units: number | undefined): Bucket | undefined =>
    units === undefined || units <= 0
      ? undefined
      : new Bucket(units, burstSeconds, () => Date.now());
  table.buckets.read = make(throughput.read);
  table.buckets.write = make(throughput.write);
}

/** Units a second; undefined or 0 for no limit. */
export interface Throughput {
  readonly read: number | undefined;
  readonly write: number | undefined;
}

/** What a table's description says of it. */
export function throughputOf(description: Fields): Throughput {
  const provisioned = description["ProvisionedThroughput"];
  const onDemand = description["OnDemandThroughput"];
  const from = isFields(provisioned) ? provisioned : {};
  const most = isFields(onDemand) ? onDemand : {};
  return {
    read: numberIn(from, "ReadCapacityUnits") || numberIn(most, "MaxReadRequestUnits"),
    write: numberIn(from, "WriteCapacityUnits") || numberIn(most, "MaxWriteRequestUnits"),
  };
}

/** Does a call within the throughput of its tables, and takes from it what the call used. */
export async function metered(
  { realm, request }: Call,
  direction: Direction,
  tables: readonly Table[],
  work: (request: Fields) => Promise<Fields>,
): Promise<Fields> {
  if (!realm.settings.throttle) return work(request);
  for (const table of tables) {
    if (table.buckets[direction]?.hasUnits === false) throw overThroughput(table);
  }
  const asked = textIn(request, "ReturnConsumedCapacity");
  const isTold = asked !== undefined && asked !== "NONE";
  const answer = await work(isTold ? request : { ...request, ReturnConsumedCapacity: "TOTAL" });
  for (const used of usedIn(answer)) {
    const units = numberIn(used, "CapacityUnits") ?? 0;
    realm.table(used["TableName"])?.buckets[direction]?.take(units);
  }
  return isTold ? answer : without(answer, "ConsumedCapacity");
}

function overThroughput(table: Table): Error {
  return isFields(table.settings["OnDemandThroughput"])
    ? refuse("onDemandThroughput")
    : refuse("throughput");
}

function usedIn(answer: Fields): readonly Fields[] {
  const used = answer["ConsumedCapacity"];
  if (Array.isArray(used)) return used.filter(isFields);
  return isFields(used) ? [used] : [];
}
