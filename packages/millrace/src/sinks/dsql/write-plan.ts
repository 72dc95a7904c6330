import { MillraceError } from "../../errors/millrace-error.ts";
import type { Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { UNCHANGED } from "../../model/value.ts";
import { parameterText } from "./array-literal.ts";
import { copyLines, copyText } from "./copy-text.ts";
import type { Look, PlannedStatement, PlanParts } from "./commit-plan.ts";
import { LEAST_REPLACED_ROWS } from "./replacements.ts";
import type { Feeding } from "./row-feed.ts";
import { feedRows } from "./row-feed.ts";
import type { Statement } from "./statement.ts";
import type { TableStatements } from "./table-statements.ts";

/** The statements of one write of a commit, in order. */
export function planWrite(
  write: Write,
  index: number,
  parts: PlanParts,
): readonly PlannedStatement[] {
  if (write.kind === "changes" || write.kind === "mark")
    throw new MillraceError("MR_BUG", "a SQL sink takes rows, not changes");
  return new WritePlanner(write.table, `${write.kind} ${write.table.id}`, index, parts).plan(write);
}

/** Fewer rows than this are inserted by a statement that the server has planned already. */
const LEAST_COPIED_ROWS = 8;

type RowWrite = Exclude<Write, { kind: "changes" } | { kind: "mark" }>;

class WritePlanner {
  readonly #table: TargetTable;
  readonly #doing: string;
  readonly #index: number;
  readonly #sql: TableStatements;
  readonly #inserts: boolean;
  readonly #replaces: boolean;
  readonly #copies: boolean;
  readonly #feed: (rows: readonly Row[], columns: readonly number[]) => readonly Feeding[];

  constructor(table: TargetTable, doing: string, index: number, parts: PlanParts) {
    this.#table = table;
    this.#doing = doing;
    this.#index = index;
    this.#sql = parts.tableStatements(table);
    this.#inserts = parts.inserted.has(table);
    this.#copies = parts.withCopy(table);
    this.#replaces = this.#copies && parts.replaced.has(table);
    const options = { arrays: parts.withArrays(table), maxBytes: parts.maxStatementBytes };
    this.#feed = (rows, columns) => feedRows(rows, columns, options);
  }

  plan(write: RowWrite): readonly PlannedStatement[] {
    switch (write.kind) {
      case "upsert":
        if (write.fresh === true)
          return this.#inserts ? this.#insertFresh(write) : this.#upsert(write.rows);
        return this.#replaces ? this.#replace(write.rows) : this.#upsert(write.rows);
      case "insert":
        return this.#insert(write.rows);
      case "delete":
        return this.#delete(write.keys);
      case "update":
        return this.#update(write.rows, write.columns);
      case "move":
        return this.#move(write.from, write.row);
      case "delete-equal":
        return [
          this.#at(this.#sql.deleteEqual, this.#others(write.row), { kind: "exactly", count: 1 }),
        ];
      case "delete-some":
        return [this.#at(this.#sql.deleteSome, [String(write.maxRows)], { kind: "sum" })];
    }
  }

  #upsert(rows: readonly Row[]): PlannedStatement[] {
    return this.#feed(rows, this.#all()).map(({ feed, values }) =>
      this.#at(this.#sql.upsert(feed), values),
    );
  }

  #replace(rows: readonly Row[]): PlannedStatement[] {
    const copy = rows.length < LEAST_REPLACED_ROWS ? null : this.#copy(rows);
    if (copy === null) return this.#upsert(rows);
    const cleared = this.#feed(rows, this.#table.key).map(({ feed, values }) =>
      this.#at(this.#sql.clear(feed), values),
    );
    return [...cleared, copy];
  }

  #copy(rows: readonly Row[]): PlannedStatement | null {
    const copied = copyText(rows, this.#table.columns.length);
    return copied === null ? null : { ...this.#at(this.#sql.copyIn, []), copied };
  }

  /** Lines go as they are, whatever they hold. */
  #insertFresh(write: Extract<RowWrite, { kind: "upsert" }>): PlannedStatement[] {
    const { lines = [] } = write;
    if (!this.#copies || lines.length < LEAST_COPIED_ROWS) return this.#insert(write.rows);
    return [{ ...this.#at(this.#sql.copyIn, []), copied: copyLines(lines) }];
  }

  #insert(rows: readonly Row[]): PlannedStatement[] {
    const copy = this.#copies && rows.length >= LEAST_COPIED_ROWS ? this.#copy(rows) : null;
    if (copy !== null) return [copy];
    return this.#feed(rows, this.#all()).map(({ feed, values }) =>
      this.#at(this.#sql.insert(feed), values),
    );
  }

  #delete(keys: readonly Row[]): PlannedStatement[] {
    return this.#feed(keys, this.#table.key).map(({ feed, values }) =>
      this.#at(this.#sql.deleteByKey(feed), values),
    );
  }

  #update(rows: readonly Row[], columns: readonly number[]): PlannedStatement[] {
    if (!this.#sql.updatesAny(columns)) return [];
    return this.#feed(rows, [...this.#table.key, ...columns]).map(({ feed, values, from, to }) =>
      this.#at(this.#sql.update(columns, feed), values, {
        kind: "found",
        firstRow: from,
        rows: to - from,
      }),
    );
  }

  /**
   * The old row under its new key. Where the log left columns out they are copied from the row of the old key, before
   * that is deleted; no row there means that only the source has them, which the answer tells.
   */
  #move(from: Row, row: Row): PlannedStatement[] {
    const unchanged = this.#all().filter((column) => row[column] === UNCHANGED);
    if (unchanged.length === 0) return [...this.#delete([from]), ...this.#upsert([row])];
    const oldKey = this.#table.key.map((column) => parameterText(from[column]));
    const known = row.filter((value) => value !== UNCHANGED).map(parameterText);
    const copy = this.#at(this.#sql.copy(unchanged), [...oldKey, ...known], {
      kind: "exactly",
      count: 1,
    });
    return [copy, ...this.#delete([from])];
  }

  #others(row: Row): (string | null)[] {
    return row.flatMap((value, column) =>
      this.#table.key.includes(column) ? [] : [parameterText(value)],
    );
  }

  #all(): number[] {
    return [...this.#table.columns.keys()];
  }

  #at(
    statement: Statement,
    values: readonly (string | null)[],
    look: Look | null = null,
  ): PlannedStatement {
    return { statement, values, look, purpose: "data", doing: this.#doing, write: this.#index };
  }
}
