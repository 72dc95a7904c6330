import type { LogicalType } from "../../model/logical-type.ts";
import type { Column, TargetColumn } from "../../model/table.ts";
import { refuseDecimal } from "./decimal-fit.ts";
import type { SinkProfile } from "./profile.ts";

/** How the mapping is told to go. */
export interface MappingOptions {
  readonly profile: SinkProfile;
  readonly unconstrainedNumeric: "numeric" | "text";
}

/**
 * Decides what a source column becomes at the sink; an extension takes the place of {@link ownMapper} and may fall back
 * on it. Pure: the same column always maps to the same target. Values are cast to the type, and a cast to a narrower
 * one cuts or rounds in silence: such a column needs `refuse`, which makes dead letters of what does not fit.
 */
export interface SchemaMapper {
  mapColumn(column: Column, isKey: boolean, options: MappingOptions): TargetColumn;
}

/** The mapping that fits today's DSQL. */
export const ownMapper: SchemaMapper = { mapColumn };

/** A target type and what does not fit it. */
interface MappedType {
  readonly type: string;
  readonly refuse?: (value: string) => string | null;
}

/**
 * The target column of a source column. Nothing is narrowed, and what the source enforces (NOT NULL, lengths) is not
 * enforced a second time: the sink follows the source's next ALTER without one of its own. Only key columns are NOT
 * NULL, because a key makes them so.
 */
export function mapColumn(column: Column, isKey: boolean, options: MappingOptions): TargetColumn {
  // Equal numbers have several texts: as text, a key that is written 1.00 in place of 1.0 would be a second row.
  const mapped = mapType(
    column.type,
    isKey ? { ...options, unconstrainedNumeric: "numeric" } : options,
  );
  return {
    name: column.name,
    type: mapped.type,
    logical: column.type,
    nullable: !isKey,
    sourceNullable: column.nullable,
    ...(mapped.refuse === undefined ? {} : { refuse: mapped.refuse }),
  };
}

/** The SQL type for a logical type. */
export function mapType(type: LogicalType, options: MappingOptions): MappedType {
  switch (type.kind) {
    case "int":
      return { type: integerType(type.bits, type.unsigned === true) };
    case "float":
      return { type: type.bits === 32 ? "real" : "double precision" };
    case "decimal":
      return decimalType(type.precision, type.scale, options);
    case "bytes":
      return { type: "bytea" };
    case "time":
    case "timetz":
    case "timestamp":
    case "timestamptz":
      return { type: type.precision < 6 ? `${type.kind}(${type.precision})` : type.kind };
    case "boolean":
    case "date":
    case "interval":
    case "uuid":
    case "json":
    case "jsonb":
      return { type: type.kind };
    // Lengths count characters at the source and bytes at DSQL, and char(n) pads: text keeps what it is given.
    case "text":
    case "other":
      return { type: "text" };
  }
}

function integerType(bits: 8 | 16 | 24 | 32 | 64, unsigned: boolean): string {
  const needed = unsigned ? bits + 1 : bits;
  if (needed <= 16) return "smallint";
  if (needed <= 32) return "integer";
  return needed <= 64 ? "bigint" : "numeric(20,0)";
}

function decimalType(
  precision: number | null,
  scale: number | null,
  options: MappingOptions,
): MappedType {
  const { profile, unconstrainedNumeric } = options;
  if (precision !== null && precision <= profile.maxNumericPrecision) {
    return { type: `numeric(${precision},${scale ?? 0})` };
  }
  if (unconstrainedNumeric === "text") return { type: "text" };
  if (profile.bareNumeric === "numeric") return { type: "numeric" };
  return { type: profile.bareNumeric, refuse: refuseDecimal(76, 38) };
}
