import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileTablePatterns, TablePatternError } from "./table-pattern.ts";

const matches = (pattern: string, ...parts: string[]): boolean =>
  compileTablePatterns(pattern, [2, 3]).match(parts) !== null;

function mistakeIn(pattern: string, partCounts: readonly number[] = [2, 3]): TablePatternError {
  try {
    compileTablePatterns(pattern, partCounts);
  } catch (error) {
    if (error instanceof TablePatternError) return error;
  }
  throw new Error(`"${pattern}" was taken`);
}

describe("a table pattern", () => {
  it.each([
    ["public.orders", ["public", "orders"], true],
    ["public.orders", ["public", "orders_2"], false],
    ["public.orders", ["xpublic", "orders"], false],
    [String.raw`adb.\.*`, ["adb", "anything at.all"], true],
    [String.raw`adb.\.*`, ["adb2", "x"], false],
    ["db.user_table_[0-9]+", ["db", "user_table_17"], true],
    ["db.user_table_[0-9]+", ["db", "user_table_"], false],
    [String.raw`[app|web].order_\.*`, ["a", "order_"], true],
    ["db[1-2].t", ["db2", "t"], true],
    ["(app|web).t", ["web", "t"], true],
    ["app|web.t", ["app", "t"], true],
    ["app|web.t", ["app", "x"], false],
    ["my-db.my-table", ["my-db", "my-table"], true],
    ["s.t{1,2}", ["s", "tt"], true],
    [String.raw`s.a\\.b`, ["s", "a.b"], true],
    [String.raw`s.a\\.b`, ["s", "axb"], false],
    ["s.a[.]b", ["s", "a.b"], true],
    [String.raw`s.a\,b`, ["s", "a,b"], true],
    ["s.[,]", ["s", ","], true],
    [String.raw`s.\d+`, ["s", "42"], true],
  ])("%s against %j: %s", (pattern, parts, expected) => {
    expect(matches(pattern, ...parts)).toBe(expected);
  });

  it("takes any item of a comma list, with blanks around them", () => {
    const list = String.raw` a.x , b.\.* ,c.z`;
    expect(matches(list, "a", "x")).toBe(true);
    expect(matches(list, "b", "whatever")).toBe(true);
    expect(matches(list, "c", "z")).toBe(true);
    expect(matches(list, "a", "z")).toBe(false);
  });

  it("looks at the last parts of a name when it has fewer of its own", () => {
    expect(matches("public.t", "shop", "public", "t")).toBe(true);
    expect(matches("shop.public.t", "public", "t")).toBe(false);
  });

  it("never reaches over a part with its wildcards", () => {
    expect(matches(String.raw`a\.*.b`, "a", "x.b")).toBe(false);
    expect(matches("[^x]+.t", "ab", "t")).toBe(true);
    expect(matches(String.raw`[^x]+.\.+`, "a", "b", "c")).toBe(true);
    expect(compileTablePatterns(String.raw`(\.*).(\.*)`, [2]).match(["a", "b"])).toEqual({
      groups: ["a", "b"],
    });
  });

  it("numbers its capture groups through all parts and gives those that took no part as empty", () => {
    const pattern = compileTablePatterns(String.raw`db_(\.*).(x)?(\.*)_tbl`, [2]);
    expect(pattern.match(["db_7", "a_tbl"])).toEqual({ groups: ["7", "", "a"] });
  });

  it("matches every plain name that it is made of, and only that", () => {
    const name = fc.stringMatching(/^[a-z_][a-z0-9_-]{0,8}$/);
    fc.assert(
      fc.property(name, name, name, (schema, table, other) => {
        expect(matches(`${schema}.${table}`, schema, table)).toBe(true);
        expect(matches(`${schema}.${table}`, schema, other)).toBe(table === other);
      }),
    );
  });
});

describe("a table pattern that cannot be read", () => {
  it.each([
    ["orders", 0, /1 part instead of 2 or 3/],
    ["a.b.c.d", 0, /4 parts/],
    ["a.b, orders", 5, /1 part/],
    ["public.*", 7, /^The part is not a regular expression: Nothing to repeat$/],
    ["public.a/s: b**", 7, /^The part is not a regular expression: Nothing to repeat$/],
    ["a.b,", 4, /empty/],
    [",a.b", 0, /empty/],
    ["a..b", 2, /empty/],
    ["a.b.", 4, /empty/],
    ["", 0, /empty/],
    ["a.b[0-9", 3, /"\[" is never closed/],
    ["a.(b", 2, /"\(" is never closed/],
    ["(a.b)", 2, /inside a group/],
    ["a.b)", 2, /regular expression/i],
    ["a.b\\", 3, /ends with a backslash/],
  ])("%j says where: %i", (pattern, offset, problem) => {
    const mistake = mistakeIn(pattern);
    expect(mistake.problem).toMatch(problem);
    expect(mistake.offset).toBe(offset);
    expect(mistake.remedy).not.toBe("");
  });

  it("tells to escape the dot when a glob was meant", () => {
    expect(mistakeIn("public.*").remedy).toBe(
      "A `*` repeats what stands before it; write `public.\\.*` for any name.",
    );
    expect(mistakeIn("a.b, shop.*").remedy).toContain("`shop.\\.*`");
  });
});
