import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { parsePath, pathText } from "./attribute-path.ts";
import {
  ColumnRuleError,
  columnRulesText,
  columnType,
  parseColumnRules,
  type ColumnRule,
} from "./document-columns.ts";

const told = (rules: readonly ColumnRule[]): unknown[] =>
  rules.map(({ tables, path, column, type }) => [tables.text, path, column, type.text]);

describe("column rules", () => {
  it("name table, attribute, column and type, separated by commas, semicolons and ends of lines", () => {
    const text = `orders: customer text, total decimal(10, 2)
      \\.*_lines: address.city as city text; tags[0] as first_tag text
      "odd name"."a.b" as "odd ""?" bigint`.replace(' ""?', " ?");
    expect(told(parseColumnRules(text))).toEqual([
      ["orders", ["customer"], "customer", "text"],
      ["orders", ["total"], "total", "decimal(10,2)"],
      ["\\.*_lines", ["address", "city"], "city", "text"],
      ["\\.*_lines", ["tags", 0], "first_tag", "text"],
      ["\\.*_lines", ["odd name", "a.b"], "odd ?", "bigint"],
    ]);
  });

  it("are taken as a list of texts that were joined by commas", () => {
    expect(told(parseColumnRules("a: x text,b: y bigint,z double"))).toEqual([
      ["a", ["x"], "x", "text"],
      ["b", ["y"], "y", "bigint"],
      ["b", ["z"], "z", "double"],
    ]);
  });

  it("match tables by name, or with the schema that all of them have", () => {
    const [rule] = parseColumnRules("public.ord\\.*: x text");
    expect(rule?.tables.match(["public", "orders"])).not.toBeNull();
    expect(rule?.tables.match(["public", "lines"])).toBeNull();
  });

  it.each([
    ["x text", "of no table"],
    ["orders:", "names no column"],
    ["orders: x", "names no attribute and type"],
    ["orders: x number", "a type that is not known"],
    ["orders: x decimal(3,4)", "a type that is not known"],
    ["orders: tags[0] text", "without a column's name"],
    ["orders: .x text", "names no attribute and type"],
    ["a.b.c: x text", "names tables by"],
  ])("%s is refused in words that say what is wrong", (text, wrong) => {
    expect(() => parseColumnRules(text)).toThrow(ColumnRuleError);
    expect(() => parseColumnRules(text)).toThrow(wrong);
  });

  it("are read again from their own text, whatever attributes are called", () => {
    const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => text.trim() !== "");
    const step = fc.oneof(name, fc.nat(100));
    const types = fc.constantFrom("text", "decimal", "decimal(38,4)", "jsonb", "timestamptz");
    fc.assert(
      fc.property(
        name,
        fc.array(step, { maxLength: 3 }),
        name,
        types,
        (first, rest, column, word) => {
          const path = [first, ...rest];
          expect(parsePath(pathText(path))).toEqual(path);
          const type = columnType(word);
          if (type === null) throw new Error(word);
          const [rule] = parseColumnRules("orders: x text");
          if (rule === undefined) throw new Error("no rule");
          const made = [{ ...rule, path, column, type }];
          expect(told(parseColumnRules(columnRulesText(made)))).toEqual(told(made));
        },
      ),
    );
  });
});
