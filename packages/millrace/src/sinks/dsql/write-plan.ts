import { MillraceError } from "../../errors/millrace-error.ts";
import type { Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { UNCHANGED } from "../../model/value.ts";
import { columnLiteral, parameterText } from "./array-literal.ts";
import type { Look, PlannedStatement, PlanParts } from "./commit-plan.ts";
import type { Statement } from "./statement.ts";
import type { TableStatements } from "./table-statements.ts";

/** The statements of one write of a commit, in order. */
export function planWrite(
  write: Write,
  index: number,
  parts: PlanParts,
): readonly PlannedStatement[] {
  if (write.kind === "changes")
    throw new MillraceError("MR_BUG", "a SQL sink takes rows, not changes");
  const { table } = write;
  const sql = parts.tableStatements(table);
  const at = (
    statement: Statement,
    values: readonly (string | null)[],
    look: Look | null = null,
  ): PlannedStatement => ({
    statement,
    values,
    look,
    purpose: "data",
    doing: `${write.kind} ${table.id}`,
    write: index,
  });
  switch (write.kind) {
    case "upsert":
    case "insert":
      return parts.withArrays(table) ? planRows(write, sql, parts, at) : planValues(write, sql, at);
    case "delete":
      return slices(write.keys, table.key, parts.maxStatementBytes).map(({ literals }) =>
        at(sql.deleteByKey, literals),
      );
    case "update": {
      const statement = sql.update(write.columns);
      return slices(write.rows, [...table.key, ...write.columns], parts.maxStatementBytes).map(
        ({ from, to, literals }) =>
          at(statement, literals, { kind: "found", firstRow: from, rows: to - from }),
      );
    }
    case "move":
      return planMove(write, sql, parts, at);
    case "delete-equal":
      return [at(sql.deleteEqual, otherValues(table, write.row), { kind: "exactly", count: 1 })];
    case "delete-some":
      return [at(sql.deleteSome, [String(write.maxRows)], { kind: "sum" })];
  }
}

type At = (
  statement: Statement,
  values: readonly (string | null)[],
  look?: Look | null,
) => PlannedStatement;

function planRows(
  write: Extract<Write, { kind: "upsert" | "insert" }>,
  sql: TableStatements,
  parts: PlanParts,
  at: At,
): PlannedStatement[] {
  const statement = write.kind === "upsert" ? sql.upsert : sql.insert;
  const columns = write.table.columns.map((_, column) => column);
  return slices(write.rows, columns, parts.maxStatementBytes).map(({ literals }) =>
    at(statement, literals),
  );
}

/** Row counts of VALUES statements: few, so that few plans are kept. */
const VALUES_BLOCKS = [256, 32, 4, 1];
const MAX_PARAMETERS = 60_000;

function planValues(
  write: Extract<Write, { kind: "upsert" | "insert" }>,
  sql: TableStatements,
  at: At,
): PlannedStatement[] {
  const planned: PlannedStatement[] = [];
  const width = Math.max(write.table.columns.length, 1);
  for (let from = 0; from < write.rows.length;) {
    const left = Math.min(write.rows.length - from, Math.floor(MAX_PARAMETERS / width));
    const count = VALUES_BLOCKS.find((block) => block <= left) ?? 1;
    const values = write.rows.slice(from, from + count).flatMap((row) => row.map(parameterText));
    planned.push(at(sql.values(count, write.kind === "upsert"), values));
    from += count;
  }
  return planned;
}

/**
 * The old row under its new key. Where the log left columns out they are copied from the row of the old key, before
 * that is deleted; no row there means that only the source has them, which the answer tells.
 */
function planMove(
  { table, from, row }: Extract<Write, { kind: "move" }>,
  sql: TableStatements,
  parts: PlanParts,
  at: At,
): PlannedStatement[] {
  const oldKey = table.key.map((column) => parameterText(from[column]));
  const removal = slices([from], table.key, parts.maxStatementBytes).map(({ literals }) =>
    at(sql.deleteByKey, literals),
  );
  const unchanged = table.columns.flatMap((_, column) =>
    row[column] === UNCHANGED ? [column] : [],
  );
  if (unchanged.length === 0) {
    const columns = table.columns.map((_, column) => column);
    const whole = slices([row], columns, parts.maxStatementBytes).map(({ literals }) =>
      at(sql.upsert, literals),
    );
    return [...removal, ...whole];
  }
  const known = row.filter((value) => value !== UNCHANGED).map(parameterText);
  return [
    at(sql.copy(unchanged), [...oldKey, ...known], { kind: "exactly", count: 1 }),
    ...removal,
  ];
}

function otherValues(table: TargetTable, row: Row): (string | null)[] {
  return row.flatMap((value, column) => (table.key.includes(column) ? [] : [parameterText(value)]));
}

interface Slice {
  readonly from: number;
  readonly to: number;
  readonly literals: readonly string[];
}

/**
 * HOT PATH: one array literal per column. A write whose literals are over the size of a message is cut in halves: the
 * server would close the connection without a word.
 */
function slices(
  rows: readonly Row[],
  columns: readonly number[],
  maxBytes: number,
  from = 0,
  to = rows.length,
): Slice[] {
  if (from >= to) return [];
  const literals = columns.map((column) => columnLiteral(rows, column, from, to));
  if (to - from === 1 || fits(literals, maxBytes)) return [{ from, to, literals }];
  const middle = (from + to) >>> 1;
  return [
    ...slices(rows, columns, maxBytes, from, middle),
    ...slices(rows, columns, maxBytes, middle, to),
  ];
}

/** UTF-8 takes at most three bytes per UTF-16 unit, so that most literals are not counted twice. */
function fits(literals: readonly string[], maxBytes: number): boolean {
  let units = 0;
  for (const literal of literals) units += literal.length;
  if (units * 3 <= maxBytes) return true;
  let bytes = 0;
  for (const literal of literals) bytes += Buffer.byteLength(literal);
  return bytes <= maxBytes;
}
