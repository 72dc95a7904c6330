import { beforeAll, describe, expect, it } from "vitest";
import { lateralDefect } from "./lateral.ts";
import { loadParser, parseStatements } from "./parser.ts";

beforeAll(() => loadParser());

function ofStatement(sql: string): number | undefined {
  const [parsed] = parseStatements(sql);
  return lateralDefect(parsed?.node ?? {}, sql);
}

function defect(from: string): number | undefined {
  return ofStatement(`select * from ${from}`);
}

describe("the planner's defect", () => {
  it("is a LEFT JOIN LATERAL whose subquery projects an outer column as it is", () => {
    expect(defect("a left join lateral (select a.id) l on true")).toBe(1);
    expect(defect("a left join lateral (select b.n, a.id from b limit 1) l on true")).toBe(2);
    expect(
      defect("t as a join c using (id) left join lateral (select c.id from b) l on true"),
    ).toBe(1);
    expect(defect("(select 1 as x) s left join lateral (select s.x as y) l on true")).toBe(1);
    expect(defect("x where exists (select from a left join lateral (select a.id) l on true)")).toBe(
      1,
    );
  });

  it("is none of the other forms", () => {
    for (const from of [
      "a, lateral (select a.id) l",
      "a join lateral (select a.id) l on true",
      "a cross join lateral (select a.id) l",
      "a left join lateral (select b.n from b where b.a_id = a.id) l on true",
      "a left join lateral (select a.id + 1 as next) l on true",
      "a left join lateral (select a.id from b as a) l on true",
      "a left join (select 1 as id) l on a.id = l.id",
      "t as a left join lateral (select t.n from t) l on true",
    ]) {
      expect([from, defect(from)]).toEqual([from, undefined]);
    }
    const joined = "select * from a left join lateral (select a.id) l on true";
    expect(ofStatement(`explain ${joined}`)).toBeUndefined();
    expect(ofStatement(`copy (${joined}) to stdout`)).toBeUndefined();
  });
});
