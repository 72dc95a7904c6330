import type { LogicalType } from "../model/logical-type.ts";
import type { ToldColumn } from "../model/source-block.ts";
import type { Column } from "../model/table.ts";

/** Numbers of `java.sql.Types`. */
const JDBC = {
  boolean: 16,
  decimal: 2,
  text: 12,
  bytes: -2,
  uuid: 1111,
  json: 1111,
  jsonb: 1111,
  date: 91,
  time: 92,
  timetz: 2013,
  timestamp: 93,
  timestamptz: 2014,
  interval: 1111,
  other: 1111,
} as const;

/** What messages of schema changes tell of a column by its logical type, where its source does not say it. */
export function toldColumn({ type, sourceType }: Column): ToldColumn {
  const [length, scale] = sizeOf(type, sourceType);
  return {
    jdbcType: jdbcType(type),
    typeName: sourceType.replaceAll(/\([^)]*\)/g, ""),
    typeExpression: sourceType,
    charsetName: null,
    length,
    scale,
    autoIncremented: false,
    enumValues: type.kind === "other" ? (type.labels ?? null) : null,
  };
}

function jdbcType(type: LogicalType): number {
  if (type.kind === "int") return type.bits <= 16 ? 5 : type.bits <= 32 ? 4 : -5;
  if (type.kind === "float") return type.bits === 32 ? 7 : 8;
  return JDBC[type.kind];
}

/** As the type is written: none where it has none. */
function sizeOf(
  type: LogicalType,
  sourceType: string,
): readonly [length: number | null, scale: number | null] {
  switch (type.kind) {
    case "decimal":
      return [type.precision, type.scale];
    case "text":
      return [type.maxChars, null];
    case "bytes":
      return [type.maxBytes, null];
    case "time":
    case "timetz":
    case "timestamp":
    case "timestamptz":
      return [sourceType.includes("(") ? type.precision : null, null];
    default:
      return [null, null];
  }
}
