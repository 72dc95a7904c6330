import { createHash } from "node:crypto";
import type { LogicalType } from "../model/logical-type.ts";
import type { ColumnTreatment } from "../transform/column-treatment.ts";
import type { Expression, Parameters } from "./sql-text.ts";
import { quoteColumn } from "./sql-text.ts";

/**
 * Text of one column that is the same on both sides when the values are equal.
 *
 * `asText` says that the target holds the source's own text of a value that is no text at the source (arrays, ranges,
 * a decimal without bounds): then both sides give their text as it stands.
 */
export function canonicalText(name: string, type: LogicalType, asText: boolean): Expression {
  const column = quoteColumn(name);
  return () => (asText ? outputText(column) : canonicalOf(column, type));
}

/** What the server would send; a cast says something else for some types (`inet` gets a `/32`). */
function outputText(column: string): string {
  return `CASE WHEN ${column} IS NULL THEN NULL ELSE concat(${column}) END`;
}

function canonicalOf(column: string, type: LogicalType): string {
  switch (type.kind) {
    case "decimal":
      return `trim_scale(${column})::text`;
    case "bytes":
      return `encode(${column}, 'hex')`;
    case "timestamptz":
      return `(${column} AT TIME ZONE 'UTC')::text`;
    case "text":
      return type.fixed === true ? `rtrim(${column}::text, ' ')` : `${column}::text`;
    case "boolean":
    case "int":
    case "float":
    case "date":
    case "time":
    case "timetz":
    case "timestamp":
    case "interval":
    case "uuid":
    case "json":
    case "jsonb":
      return `${column}::text`;
    case "other":
      return outputText(column);
  }
}

/** Whether a target type holds characters. */
export function holdsText(targetType: string): boolean {
  return /^(text|character varying|varchar|character|char|bpchar)\b/i.test(targetType);
}

/** What the source has to compute for a column that the target holds masked or hashed. */
export function treatedText(
  treatment: ColumnTreatment,
  name: string,
  type: LogicalType,
  plain: Expression,
): Expression {
  switch (treatment.kind) {
    case "keep":
    case "exclude":
      return plain;
    case "mask":
      return (parameters) =>
        `CASE WHEN ${quoteColumn(name)} IS NULL THEN NULL ELSE ${parameters.bind(treatment.text)} END`;
    case "hash":
      return (parameters) => hmacSha256(parameters, treatment.key, hashedBytes(name, type));
  }
}

/** The same bytes as `hashInput` of the transform room. */
function hashedBytes(name: string, type: LogicalType): string {
  const column = quoteColumn(name);
  if (type.kind === "bytes") return column;
  return `convert_to(${hashedText(column, type)}, 'UTF8')`;
}

function hashedText(column: string, type: LogicalType): string {
  if (type.kind === "timestamptz") return `${column}::text`;
  if (type.kind === "float") return `CASE WHEN ${column} = 0 THEN '0' ELSE ${column}::text END`;
  if (type.kind === "interval") return intervalLength(column);
  if (type.kind === "text" && type.fixed === true && type.maxChars === null)
    return outputText(column);
  return canonicalOf(column, type);
}

/** As the server compares it: microseconds, months of 30 days and days of 24 hours. */
function intervalLength(column: string): string {
  const part = (unit: string): string => `extract(${unit} FROM ${column})::numeric`;
  const days = `${part("year")} * 360 + ${part("month")} * 30 + ${part("day")}`;
  const hours = `(${days}) * 24 + ${part("hour")}`;
  const length = `((${hours}) * 60 + ${part("minute")}) * 60000000 + ${part("microseconds")}`;
  return `CASE WHEN isfinite(${column}) THEN trim_scale(${length})::text ELSE ${column}::text END`;
}

const hashBlockBytes = 64;

/** RFC 2104 by the server's own sha256, so that the key itself never leaves the process. */
function hmacSha256(parameters: Parameters, key: string, message: string): string {
  const block = Buffer.alloc(hashBlockBytes);
  const bytes = Buffer.from(key);
  (bytes.length > hashBlockBytes ? createHash("sha256").update(bytes).digest() : bytes).copy(block);
  const pad = (mask: number): string =>
    `decode(${parameters.bind(Buffer.from(block.map((byte) => byte ^ mask)).toString("hex"))}, 'hex')`;
  return `encode(sha256(${pad(0x5c)} || sha256(${pad(0x36)} || ${message})), 'hex')`;
}

/** One hash of a whole row: lengths before the texts, so that neither NULL nor a border can be mistaken. */
export function rowHash(columns: readonly Expression[]): Expression {
  return (parameters) => {
    const parts = columns.map((column) => {
      const text = column(parameters);
      return `coalesce(octet_length(${text})::text || ':' || ${text}, '~')`;
    });
    return `md5(${parts.length === 0 ? "''" : parts.join(" || ")})`;
  };
}
