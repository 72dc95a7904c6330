import type { StreamViewType, TableDescription } from "./api.ts";
import { ServiceFault } from "./service-fault.ts";

/*
 * DescribeTable's answer. Only what is not of the expected kind at all is refused: services add members as they like.
 */

type Fields = Readonly<Record<string, unknown>>;

/** @throws ServiceFault where it is no description. */
export function tableDescription(body: Fields): TableDescription {
  const table = fieldsOf(body["Table"]);
  const name = textOf(table["TableName"]);
  const arn = textOf(table["TableArn"]);
  const key = keyOf(table);
  if (name === null || arn === null || key.length === 0)
    throw new ServiceFault("NoAnswer", "the answer describes no table");
  return {
    name,
    arn,
    // A stand-in may know no TableId; the time at which it was made tells one table from the next of its name as well.
    tableId: textOf(table["TableId"]) ?? `${arn}@${String(table["CreationDateTime"])}`,
    status: textOf(table["TableStatus"]) ?? "ACTIVE",
    key,
    stream: streamOf(table),
    latestStreamArn: textOf(table["LatestStreamArn"]),
    itemCount: numberOf(table["ItemCount"]) ?? 0,
    sizeBytes: numberOf(table["TableSizeBytes"]) ?? 0,
    readUnits: numberOf(fieldsOf(table["ProvisionedThroughput"])["ReadCapacityUnits"]) ?? 0,
    maxReadUnits: positive(fieldsOf(table["OnDemandThroughput"])["MaxReadRequestUnits"]),
  };
}

/** HASH first, whatever order they come in. */
function keyOf(table: Fields): TableDescription["key"] {
  const types = new Map(
    listOf(table["AttributeDefinitions"]).map((definition) => [
      definition["AttributeName"],
      definition["AttributeType"],
    ]),
  );
  return listOf(table["KeySchema"])
    .toSorted(
      (one, other) => Number(other["KeyType"] === "HASH") - Number(one["KeyType"] === "HASH"),
    )
    .flatMap(({ AttributeName: name }) => {
      const type = types.get(name);
      return typeof name === "string" && (type === "S" || type === "N" || type === "B")
        ? [{ name, type }]
        : [];
    });
}

const VIEWS: readonly StreamViewType[] = [
  "KEYS_ONLY",
  "NEW_IMAGE",
  "OLD_IMAGE",
  "NEW_AND_OLD_IMAGES",
];

/** Its view, where it is one that this code knows. */
export function viewOf(value: unknown): StreamViewType | null {
  return VIEWS.find((view) => view === value) ?? null;
}

function streamOf(table: Fields): TableDescription["stream"] {
  const { StreamEnabled: enabled, StreamViewType: type } = fieldsOf(table["StreamSpecification"]);
  const arn = textOf(table["LatestStreamArn"]);
  const view = viewOf(type);
  return enabled === true && arn !== null && view !== null ? { arn, view } : null;
}

function positive(value: unknown): number | null {
  const number = numberOf(value);
  return number === null || number < 0 ? null : number;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
