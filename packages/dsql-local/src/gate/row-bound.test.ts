import { beforeAll, describe, expect, it } from "vitest";
import { Gate } from "./gate.ts";
import { loadParser } from "./parser.ts";
import type { RowBound } from "./row-bound.ts";

beforeAll(() => loadParser());

function boundOf(sql: string): RowBound | undefined {
  const [first] = new Gate().compile(sql);
  if (first === undefined || first instanceof Error) throw first ?? new Error("no statement");
  return first.rowBound;
}

describe("the bound on the rows of a statement", () => {
  it.each([
    ["insert into t values (1), (2), ($1)", 3],
    ["insert into t default values", 1],
    ["insert into t values (1) on conflict (id) do update set v = 2 where t.v = 3", 1],
  ])("is the number of values in %s", (sql, rows) => {
    expect(boundOf(sql)).toEqual({ kind: "rows", rows });
  });

  it.each([
    ["update t set v = 1 where id = $1", ["id"]],
    ["update s.t as x set v = v + 1 where x.id = $1::int and 5 = x.w and v < 3", ["id", "w"]],
    ["update t set v = 1 where id = 1 and (a = 2 or b = 3)", ["id"]],
    ["delete from only s.t as x where x.id = 'a' and w = $2 returning v", ["id", "w"]],
  ])("is by equal columns in %s", (sql, columns) => {
    expect(boundOf(sql)).toEqual({ kind: "equal", columns });
  });

  it.each([
    "update t set v = 1",
    "update t set v = 1 where id = 1 or id = 2",
    "update t set v = 1 where id = any($1)",
    "update t set v = 1 where id in (1, 2)",
    "update t set v = 1 where id = w",
    "update t set v = 1 where id = (select 1)",
    "update t set v = 1 where not id = 1",
    "update t set v = 1 from u where t.id = 1",
    "insert into t select 1",
    "with w as (insert into t values (1) returning *) insert into u values (1)",
    "with w as (select 1) insert into t values (1)",
    "delete from t",
    "delete from t using u where t.id = 1",
    "with w as (select 1) delete from t where id = 1",
    "select 1",
  ])("is not known of %s", (sql) => {
    expect(boundOf(sql)).toBeUndefined();
  });
});
