/** What DescribeTable says: dynalite's description, with what is ours laid over it. */
import type { Call } from "../call.ts";
import { fieldsIn, isFields, textIn, type Fields } from "../json.ts";
import type { Realm } from "../realm.ts";
import { nameOf } from "../realm.ts";
import { refuse } from "../rules/table.ts";
import type { Table } from "./table.ts";

/** The table that a call names. Throws a Refusal. */
export function tableOf({ realm, request }: Call): Table {
  const table = realm.table(request["TableName"]);
  if (table === undefined) throw refuse("tableNotFound", { table: nameIn(request) });
  return table;
}

/** The name of the table that a request names, which may be there or not. */
export function nameIn(request: Fields): string {
  return nameOf(textIn(request, "TableName") ?? "");
}

/** Answers DescribeTable. */
export async function describeTable({ realm, request }: Call): Promise<Fields> {
  const asked = realm.table(request["TableName"])?.name ?? request["TableName"];
  const answer = await realm.engine.call("DescribeTable", { ...request, TableName: asked });
  return { Table: described(realm, fieldsIn(answer, "Table")) };
}

/** A description by dynalite, as ours. */
export function described(realm: Realm, description: Fields): Fields {
  const table = realm.table(description["TableName"]);
  if (table === undefined) return description;
  const status =
    description["TableStatus"] === "ACTIVE" && isUpdating(table)
      ? "UPDATING"
      : description["TableStatus"];
  return {
    ...description,
    TableStatus: status,
    TableId: table.id,
    CreationDateTime: table.createdMs / 1_000,
    DeletionProtectionEnabled: false,
    ...table.settings,
    ...streamMembers(table),
  };
}

/** Whether a stream of the table is being enabled or disabled. */
export function isUpdating(table: Table): boolean {
  return Date.now() < table.updatingUntilMs;
}

function streamMembers({ stream, latest }: Table): Fields {
  if (latest === undefined) return {};
  const specification =
    stream === undefined
      ? {}
      : {
          StreamSpecification: { StreamEnabled: true, StreamViewType: stream.frame.viewType },
        };
  return { ...specification, LatestStreamArn: latest.arn, LatestStreamLabel: latest.label };
}

/** Members that dynalite does not keep, as DescribeTable tells them. */
export function settingsIn(request: Fields): Fields {
  const { OnDemandThroughput, WarmThroughput, SSESpecification } = request;
  const tableClass = textIn(request, "TableClass");
  const isProtected = request["DeletionProtectionEnabled"];
  return {
    ...(isFields(OnDemandThroughput) ? { OnDemandThroughput } : {}),
    ...(isFields(WarmThroughput)
      ? { WarmThroughput: { ...WarmThroughput, Status: "ACTIVE" } }
      : {}),
    ...(tableClass === undefined ? {} : { TableClassSummary: { TableClass: tableClass } }),
    ...(typeof isProtected === "boolean" ? { DeletionProtectionEnabled: isProtected } : {}),
    ...(isFields(SSESpecification) && SSESpecification["Enabled"] === true
      ? { SSEDescription: { Status: "ENABLED", SSEType: SSESpecification["SSEType"] ?? "KMS" } }
      : {}),
  };
}
