import type { ToldColumn, ToldTable } from "../../model/source-block.ts";
import type { TableShape } from "../../model/table.ts";
import type { MysqlFacts } from "./ddl-shape.ts";
import { quoteLabel } from "./ddl-types.ts";
import { type ColumnType, isGeometry, parseColumnType } from "./types.ts";

/** Numbers of `java.sql.Types`, as Debezium's grammars of both servers have them. */
const JDBC: ReadonlyMap<string, number> = new Map([
  ["tinyint", 5],
  ["smallint", 5],
  ["mediumint", 4],
  ["int", 4],
  ["bigint", -5],
  ["decimal", 3],
  ["float", 6],
  ["double", 8],
  ["bit", -7],
  ["char", 1],
  ["varchar", 12],
  ["tinytext", 12],
  ["text", 12],
  ["mediumtext", 12],
  ["longtext", 12],
  ["binary", -2],
  ["varbinary", -3],
  ["tinyblob", 2004],
  ["blob", 2004],
  ["mediumblob", 2004],
  ["longblob", 2004],
  ["enum", 1],
  ["set", 1],
  ["date", 91],
  ["time", 92],
  ["datetime", 93],
  ["timestamp", 2014],
  ["year", 4],
]);
const OTHER = 1111;
/** Of which nothing else is told; columns that the file hashes or masks have words of its own for a type. */
const OTHERS: ReadonlySet<string> = new Set(["json", "vector", "uuid", "inet4", "inet6"]);

/** What messages tell of a table as the catalogue has it: Debezium has it as its statement has it, with names that mean the same. */
export function toldTable({ schema, columns, facts }: TableShape): ToldTable {
  const { charset = null, autoIncrement = null } = (facts ?? {}) as Partial<MysqlFacts>;
  return {
    databaseName: schema,
    schemaName: null,
    defaultCharsetName: charset,
    columns: columns.map(({ name, sourceType }) => {
      const type = parseColumnType(sourceType);
      return type === null ? null : told(type, name === autoIncrement);
    }),
  };
}

function told(type: ColumnType, autoIncremented: boolean): ToldColumn | null {
  const { base, labels, charset } = type;
  const jdbcType = JDBC.get(base) ?? (OTHERS.has(base) || isGeometry(type) ? OTHER : null);
  if (jdbcType === null) return null;
  const typeName = `${base.toUpperCase()}${type.unsigned ? " UNSIGNED" : ""}`;
  const [length = null, scale = null] = sizeOf(type);
  return {
    jdbcType,
    typeName,
    typeExpression: typeName,
    charsetName: charset,
    length,
    scale,
    autoIncremented,
    enumValues: labels.length === 0 ? null : labels.map(quoteLabel),
  };
}

/** An ENUM's values are one character to Debezium, those of a SET as many as there are labels, with commas between. */
function sizeOf({ base, numbers, labels }: ColumnType): readonly number[] {
  if (base === "enum") return [1];
  return base === "set" ? [labels.length * 2 - 1] : numbers;
}
