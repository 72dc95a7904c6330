/** UpdateTable: streams and settings are ours, throughput and indexes dynalite's. */
import type { Call } from "../call.ts";
import { fillBuckets, throughputOf } from "../capacity/throttle.ts";
import { fieldsIn, isFields, without, type Fields } from "../json.ts";
import { refuse } from "../rules/table.ts";
import { described, isUpdating, settingsIn, tableOf } from "./describe.ts";
import { switchStream } from "./stream-switch.ts";

/** Members of UpdateTable that dynalite does not know. */
const OURS = [
  "StreamSpecification", "OnDemandThroughput", "WarmThroughput", "TableClass", "DeletionProtectionEnabled", "SSESpecification",
]; // prettier-ignore

/** Answers UpdateTable. */
export async function updateTable(call: Call): Promise<Fields> {
  const { realm, request } = call;
  const table = tableOf(call);
  if (isUpdating(table)) throw refuse("tableUpdating", { table: table.name });
  const specification = request["StreamSpecification"];
  if (isFields(specification) && isFields(request["ProvisionedThroughput"])) {
    throw refuse("streamWithThroughput");
  }
  const rest = { ...without(request, ...OURS), TableName: table.name };
  const isAllOurs = Object.keys(request).every(
    (name) => OURS.includes(name) || name === "TableName" || name === "AttributeDefinitions",
  );
  const isNothing = isAllOurs && !OURS.some((name) => name in request);
  const before = fieldsIn(
    await realm.engine.call("DescribeTable", { TableName: table.name }),
    "Table",
  );
  if (isFields(specification)) switchStream(realm, table, specification, throughputOf(before));
  table.settings = { ...table.settings, ...settingsIn(request) };
  const description =
    isAllOurs && !isNothing
      ? before
      : fieldsIn(await realm.engine.call("UpdateTable", rest), "TableDescription");
  const throughput = request["ProvisionedThroughput"] ?? description["ProvisionedThroughput"];
  const now = { ...table.settings, ProvisionedThroughput: throughput };
  fillBuckets(table, throughputOf(now), realm.settings);
  return { TableDescription: described(realm, description) };
}
