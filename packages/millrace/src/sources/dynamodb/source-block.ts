import type {
  Origin,
  OriginNames,
  OriginValue,
  SourceBlock,
  SourceField,
} from "../../model/source-block.ts";
import { COMMON_FIELDS, commonValue } from "../../model/source-block.ts";
import type { Position } from "../../model/position.ts";

const CONNECTOR = "dynamodb";

/** Debezium has no connector for DynamoDB: these are its common fields, and what orders records of one item. */
const FIELDS: readonly SourceField[] = [
  ...COMMON_FIELDS,
  { name: "table", type: "string", optional: true, varies: "table" },
  { name: "shard_id", type: "string", optional: true, varies: "change" },
  { name: "seq_no", type: "string", optional: true, varies: "change" },
  { name: "by", type: "string", optional: true, varies: "transaction" },
];

/**
 * `source` of messages about DynamoDB's items. `db` is the region; `by` is `ttl` where the service itself deleted what had
 * expired. Rows that were scanned have no shard.
 */
export class DynamoSourceBlock implements SourceBlock {
  readonly connector = CONNECTOR;
  readonly schemaName = "io.millrace.connector.dynamodb.Source";
  readonly fields = FIELDS;
  readonly serverName: string;
  readonly #names: OriginNames;
  readonly #region: string;

  constructor(names: OriginNames, region: string) {
    this.serverName = names.serverName;
    this.#names = names;
    this.#region = region;
  }

  /** See {@link SourceBlock.value}. */
  value(index: number, origin: Origin): OriginValue {
    const name = FIELDS[index]?.name ?? "";
    switch (name) {
      case "db":
        return this.#region;
      case "table":
        return origin.table;
      case "shard_id":
        return partOf(origin.position, 1);
      case "seq_no":
      case "sequence":
        return partOf(origin.position, 2);
      case "by":
        return origin.transaction?.by ?? null;
      default:
        return commonValue(name, { ...this.#names, connector: CONNECTOR }, origin);
    }
  }
}

/** Of a change's own place: `["c", shard, sequence]`. */
function partOf(position: Position | null, at: 1 | 2): string | null {
  const part: unknown = Array.isArray(position) ? position[at] : null;
  return typeof part === "string" ? part : null;
}
