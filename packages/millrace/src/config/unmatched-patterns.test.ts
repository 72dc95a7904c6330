import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileTablePatterns } from "../schema/table-pattern.ts";
import { unmatchedPatterns } from "./unmatched-patterns.ts";

const TABLES = [
  ["public", "orders"],
  ["public", "order_items"],
  ["public", "Customers"],
  ["public", "t"],
  ["public", "a.b.c"],
  ["sales", "invoices"],
];

const meant = (text: string, names: readonly (readonly string[])[] = TABLES) => {
  const parts = names[0]?.length ?? 2;
  const found = unmatchedPatterns(compileTablePatterns(text, [parts]), names);
  return found.map((pattern) => [pattern.text, pattern.meant]);
};

describe("patterns that match no table", () => {
  it("are those of the list that none of the names matches", () => {
    expect(meant("public.orders, nowhere.\\.*, sales.inv\\.*")).toEqual([["nowhere.\\.*", null]]);
    expect(meant("public.\\.*")).toEqual([]);
  });

  it.each([
    ["a mistyped table", "public.ordres", "public.orders"],
    ["another case", "public.customers", "public.Customers"],
    ["another case of a short name", "public.T", "public.t"],
    ["a mistyped schema", "pubic.orders", "public.orders"],
    ["a mistyped schema before any table", "pubilc.\\.*", "public.\\.*"],
    ["a table that is in another schema", "public.invoices", "sales.invoices"],
    ["a name with dots", String.raw`public.a\\.b\\.d`, null],
    ["a name that is near to none", "public.warehouse", null],
    ["a short name, which is near to any other", "public.u", null],
    ["an expression", "public.(ordres|x)", null],
  ])("come with what was meant: %s", (_, written, expected) => {
    expect(meant(written)).toEqual([[written, expected]]);
  });

  it("keep the database before them as it is", () => {
    const names = TABLES.map((name) => ["shop", ...name]);
    expect(meant("shop.public.ordres", names)).toEqual([
      ["shop.public.ordres", "shop.public.orders"],
    ]);
  });

  it("come with a pattern of just that table, whatever stands in its name", () => {
    const odd = fc.constantFrom(...".,\\$^*+?()[]{}|-&/:; \t\u00a0\n\"'");
    const around = fc.tuple(
      fc.string({ unit: odd, minLength: 1, maxLength: 2 }),
      fc.constantFrom(0, 3, 6),
    );
    fc.assert(
      fc.property(around, ([some, at]) => {
        const name = ["public", "orders".slice(0, at) + some + "orders".slice(at)];
        const others = [
          ["public", "invoices"],
          ["sales", name[1] ?? ""],
        ];
        const [[, found] = []] = meant("public.orders", [...others, name]);
        const again = compileTablePatterns(found ?? "", [2]);
        expect(again.items).toHaveLength(1);
        expect(again.match(name)).not.toBeNull();
        for (const other of others) expect(again.match(other)).toBeNull();
      }),
    );
  });

  it("say of many items over many tables only by the first what was meant", () => {
    const names = Array.from({ length: 20_000 }, (_, n) => ["public", `table${n}`]);
    const written = Array.from({ length: 50 }, (_, n) => `public.tabel${n}`);
    const found = meant(written.join(","), names);
    expect(found.map(([text]) => text)).toEqual(written);
    const told = found.flatMap(([, name]) => name ?? []);
    expect(told).toEqual(Array.from({ length: 5 }, (_, n) => `public.table${n}`));
  });
});
