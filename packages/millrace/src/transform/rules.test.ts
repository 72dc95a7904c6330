import { describe, expect, it } from "vitest";
import type { TableShape } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import type { ColumnRule, RouteRule } from "./rules.ts";
import { checkColumnRule, checkRouteRule } from "./rules.ts";
import { unusedRules } from "./unused-rules.ts";

const route = (rule: Partial<RouteRule>): readonly string[] =>
  checkRouteRule({ sourceTable: "a.t", sinkTable: "b.t", ...rule }).map(
    ({ field, offset, problem }) => `${field}@${offset}: ${problem}`,
  );

const columns = (rule: Partial<ColumnRule>): readonly string[] =>
  checkColumnRule({ sourceTable: "a.t", ...rule }).map(
    ({ field, problem }) => `${field}: ${problem}`,
  );

describe("a route that cannot work", () => {
  it("is told from one that can", () => {
    expect(route({})).toEqual([]);
    expect(route({ sourceTable: "(a).(t)", sinkTable: "$1.x_$2" })).toEqual([]);
  });

  it.each<[Partial<RouteRule>, RegExp]>([
    [{ sourceTable: "a.*" }, /^source-table@2: .*regular expression/],
    [{ sinkTable: "a.b.c" }, /^sink-table@0: .*3 parts/],
    [{ sinkTable: "a." }, /^sink-table@2: .*empty/],
    [{ sinkTable: "" }, /^sink-table@0: .*empty/],
    [{ sinkTable: "b.$1" }, /^sink-table@2: \$1 names a capture group.*has 0/],
    [{ sourceTable: "(a).t, x.y", sinkTable: "b.$1" }, /has 0/],
    [{ sinkTable: "b.$0" }, /\$0 names/],
    [{ replaceSymbol: "<>", sinkTable: "b.<>_$1" }, /^sink-table@5: .*do not go together/],
    [{ sinkTable: "b.pre_<>" }, /^sink-table@6: .*only where the rule says so$/],
    [{ replaceSymbol: "" }, /^replace-symbol@null: .*empty/],
  ])("%j", (rule, problem) => {
    expect(route(rule)).toEqual([expect.stringMatching(problem)]);
  });

  it("has all its mistakes reported at once", () => {
    expect(route({ sourceTable: "a", sinkTable: "a.b.c" })).toHaveLength(2);
  });
});

describe("a column rule that cannot work", () => {
  it("is told from one that can", () => {
    expect(columns({ exclude: ["a"], mask: { columns: ["b"], text: "" } })).toEqual([]);
  });

  it("names a column twice or has an empty key", () => {
    expect(columns({ exclude: ["a"], hash: { columns: ["a"], key: "" } })).toEqual([
      expect.stringMatching(/^hash-key: .*empty/),
      `hash-columns: Column "a" is named in exclude-columns too`,
    ]);
    expect(columns({ exclude: ["a", "a"] })).toEqual([
      `exclude-columns: Column "a" is named in exclude-columns twice`,
    ]);
  });
});

describe("rules that do nothing", () => {
  const shape: TableShape = {
    id: tableId("a", "t"),
    schema: "a",
    name: "t",
    identity: "1",
    key: [],
    columns: ["id", "email"].map((name, index) => ({
      name,
      type: { kind: "text", maxChars: null },
      sourceType: "text",
      nullable: true,
      ordinal: index + 1,
    })),
  };

  it("are found once the tables are known, down to a misspelt column", () => {
    const found = unusedRules(
      {
        routes: [
          { sourceTable: "a.t", sinkTable: "b.t" },
          { sourceTable: "a.x", sinkTable: "b.x" },
        ],
        columns: [
          { sourceTable: "a.t", mask: { columns: ["email", "emial"], text: "" } },
          { sourceTable: "z.z", exclude: ["id"] },
        ],
      },
      [shape],
    );
    expect(found.map(({ list, index, field, problem }) => [list, index, field, problem])).toEqual([
      ["route", 1, "source-table", "The pattern matches no captured table"],
      ["transform", 0, "mask-columns", `No matched table has a column "emial"`],
      ["transform", 1, "source-table", "The pattern matches no captured table"],
    ]);
  });

  it("are none where a table is meant that waits until it can be captured", () => {
    const rules = {
      routes: [{ sourceTable: "a.x", sinkTable: "b.x" }],
      columns: [
        { sourceTable: "a.x", exclude: ["id"] },
        { sourceTable: "a.t", exclude: ["emial"] },
      ],
    };
    const found = unusedRules(rules, [shape], "", [tableId("a", "x"), tableId("a.b", 'q"')]);
    expect(found.map(({ list, index, field }) => [list, index, field])).toEqual([
      ["transform", 1, "exclude-columns"],
    ]);
  });
});
