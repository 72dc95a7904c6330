import type { ChunkRange } from "../../model/source.ts";
import type { Row } from "../../model/value.ts";
import type { TableShape } from "../../model/table.ts";
import type { ServerVersion } from "./server-version.ts";
import { comparison, type TablePlan } from "./table-plan.ts";

/** A range in key order; of a table without key all rows in any order. */
export function chunkSql(plan: TablePlan, select: readonly string[], range: ChunkRange): string {
  const where = [
    ...(range.from === null ? [] : [comparison(plan, ">", range.from)]),
    ...(range.to === null ? [] : [comparison(plan, "<=", range.to)]),
  ];
  const order = plan.key.map(({ sql }) => sql).join(", ");
  return (
    `SELECT ${select.join(", ")} FROM ${plan.from}` +
    (where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`) +
    (order === "" ? "" : ` ORDER BY ${order}`)
  );
}

/** A table without key cannot be read in parts: its one statement takes as long as it takes. */
export function unbounded(sql: string, flavor: ServerVersion["flavor"]): string {
  // 0 would be the session's bound again.
  return flavor === "mysql"
    ? sql.replace(/^SELECT /, "SELECT /*+ MAX_EXECUTION_TIME(4294967295) */ ")
    : `SET STATEMENT max_statement_time = 0 FOR ${sql}`;
}

/** The rows that have one of `keys`, as the server compares them. */
export function rowsSql(
  shape: TableShape,
  plan: TablePlan,
  select: readonly string[],
  keys: readonly Row[],
): string {
  const constants = keys.map((row) =>
    plan.key.map((column, i) => column.constant(row[shape.key[i] ?? -1] ?? null)),
  );
  const [first, ...more] = plan.key;
  const where =
    more.length === 0
      ? `${first?.sql} IN (${constants.map(([only]) => only).join(", ")})`
      : constants.map((key) => `(${equalities(plan, key)})`).join(" OR ");
  return `SELECT ${select.join(", ")} FROM ${plan.from} WHERE ${where}`;
}

function equalities(plan: TablePlan, constants: readonly string[]): string {
  return plan.key.map(({ sql }, i) => `${sql} = ${constants[i]}`).join(" AND ");
}
