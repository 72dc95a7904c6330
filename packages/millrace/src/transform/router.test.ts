import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { LogicalType } from "../model/logical-type.ts";
import type { TableShape } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import type { Value } from "../model/value.ts";
import { Skimmed, UNCHANGED } from "../model/value.ts";
import type { RouterOptions, TransformRouter } from "./router.ts";
import { createRouter, defaultTargetOf } from "./router.ts";
import type { ColumnRule, RouteRule } from "./rules.ts";

const text: LogicalType = { kind: "text", maxChars: null };

function shapeOf(
  name: string,
  columns: Readonly<Record<string, LogicalType>>,
  key: readonly number[] = [0],
  ordinals: readonly number[] = [],
): TableShape {
  const [schema = "", table = ""] = name.split(".");
  return {
    id: tableId(schema, table),
    schema,
    name: table,
    identity: "16384",
    key,
    columns: Object.entries(columns).map(([column, type], index) => ({
      name: column,
      type,
      sourceType: type.kind,
      nullable: true,
      ordinal: ordinals[index] ?? index + 1,
    })),
  };
}

const router = (options: Partial<RouterOptions>): TransformRouter =>
  createRouter({
    routes: [],
    routeMode: "ALL_MATCH",
    defaultTarget: defaultTargetOf("postgres"),
    ...options,
  });

function targets(
  routes: readonly RouteRule[],
  name: string,
  more: Partial<RouterOptions> = {},
): string[] {
  return router({ routes, ...more })
    .plan(shapeOf(name, { id: text }))
    .map(({ target }) => `${target.schema}.${target.name}`);
}

const users = shapeOf("public.users", {
  id: { kind: "int", bits: 64 },
  email: text,
  phone: { kind: "int", bits: 64 },
  password: text,
  note: text,
});

const hide: ColumnRule = {
  sourceTable: "public.users",
  exclude: ["password"],
  mask: { columns: ["phone"], text: "***" },
  hash: { columns: ["email"], key: "secret" },
};

const hmac = (value: string | Uint8Array): string =>
  createHmac("sha256", "secret").update(value).digest("hex");

describe("a router", () => {
  it("leaves a table without a rule under its own name, by the kind of the source", () => {
    expect(targets([], "sales.orders")).toEqual(["sales.orders"]);
    const dynamodb = { defaultTarget: defaultTargetOf("dynamodb") };
    expect(targets([], "default.Orders", dynamodb)).toEqual(["public.Orders"]);
  });

  it("fills the replace symbol with the source table's name", () => {
    const rule = {
      sourceTable: String.raw`public.\.*`,
      sinkTable: "shop.pre_<>",
      replaceSymbol: "<>",
    };
    expect(targets([rule], "public.orders")).toEqual(["shop.pre_orders"]);
    expect(targets([rule], "other.orders")).toEqual(["other.orders"]);
  });

  it("fills capture groups", () => {
    const rule = {
      sourceTable: String.raw`db_(\.*).(\.*)_tbl`,
      sinkTable: "sink_db_$1.sink_table_$2",
    };
    expect(targets([rule], "db_eu.orders_tbl")).toEqual(["sink_db_eu.sink_table_orders"]);
  });

  it("keeps a dollar sign that is not a group, and an escaped one", () => {
    const rule = { sourceTable: String.raw`a.(\.*)`, sinkTable: String.raw`b.$x_\$1_$1` };
    expect(targets([rule], "a.t")).toEqual(["b.$x_$1_t"]);
  });

  it("keeps dots of the source table's name inside the target's name", () => {
    const plan = router({
      routes: [{ sourceTable: String.raw`a.\.*`, sinkTable: "b.<>", replaceSymbol: "<>" }],
    }).plan({
      ...shapeOf("a.t", { id: text }),
      name: "t.v1",
    });
    expect(plan.map(({ target }) => target)).toEqual([{ schema: "b", name: "t.v1" }]);
  });

  it("keeps the schema when the sink table names none", () => {
    expect(targets([{ sourceTable: "a.t", sinkTable: "renamed" }], "a.t")).toEqual(["a.renamed"]);
  });

  it("sends a table to every match, or to the first only", () => {
    const routes = [
      { sourceTable: "a.t", sinkTable: "x.one" },
      { sourceTable: String.raw`a.\.*`, sinkTable: "x.two" },
      { sourceTable: "a.t", sinkTable: "x.one" },
    ];
    expect(targets(routes, "a.t")).toEqual(["x.one", "x.two"]);
    expect(targets(routes, "a.t", { routeMode: "FIRST_MATCH" })).toEqual(["x.one"]);
  });

  it("matches patterns of three parts against the source's database", () => {
    const routes = [{ sourceTable: "shop.a.t", sinkTable: "x.y" }];
    expect(targets(routes, "a.t", { database: "shop" })).toEqual(["x.y"]);
    expect(targets(routes, "a.t", { database: "other" })).toEqual(["a.t"]);
  });
});

describe("a router with column rules", () => {
  it("copies no row of a table that no rule speaks of", () => {
    const [plan] = router({ columns: [hide] }).plan(shapeOf("public.orders", { id: text }));
    expect(plan?.project).toBeNull();
    expect(plan?.shape.columns.map(({ name }) => name)).toEqual(["id"]);
  });

  it("leaves out, masks and hashes, and changes the types of what it hides to text", () => {
    const [plan] = router({ columns: [hide] }).plan(users);
    expect(plan?.shape.columns.map(({ name, type }) => [name, type])).toEqual([
      ["id", { kind: "int", bits: 64 }],
      ["email", { kind: "text", maxChars: 64 }],
      ["phone", { kind: "text", maxChars: null }],
      ["note", text],
    ]);
    const row: Value[] = ["1", "a@b.c", "4420", "hunter2", "hello"];
    expect(plan?.project?.(row)).toEqual(["1", hmac("a@b.c"), "***", "hello"]);
  });

  it("keeps NULL and UNCHANGED what they are", () => {
    const project = router({ columns: [hide] }).plan(users)[0]?.project;
    expect(project?.(["1", null, null, null, null])).toEqual(["1", null, null, null]);
    const unchanged = project?.(["1", UNCHANGED, UNCHANGED, UNCHANGED, "x"]);
    expect(unchanged).toEqual(["1", UNCHANGED, UNCHANGED, "x"]);
  });

  it("masks a value that was too large to read, and does not pretend to have its hash", () => {
    const large = new Skimmed(5_000_000);
    const project = router({ columns: [hide] }).plan(users)[0]?.project;
    expect(project?.(["1", large, large, large, "x"])).toEqual(["1", large, "***", "x"]);
  });

  it("moves the key to where its columns are when earlier ones are left out", () => {
    const shape = shapeOf("public.t", { gone: text, a: text, b: text }, [2, 1]);
    const columns = [{ sourceTable: "public.t", exclude: ["gone"] }];
    expect(router({ columns }).plan(shape)[0]?.shape.key).toEqual([1, 0]);
  });

  it("hashes equal keys alike, however the source wrote them", () => {
    const shape = shapeOf(
      "public.t",
      {
        n: { kind: "decimal", precision: null, scale: null },
        c: { kind: "text", maxChars: 5, fixed: true },
        b: { kind: "bytes", maxBytes: null },
        i: { kind: "interval" },
        f: { kind: "float", bits: 64 },
      },
      [0, 1],
    );
    const columns = [
      { sourceTable: "public.t", hash: { columns: ["n", "c", "b", "i", "f"], key: "secret" } },
    ];
    const project = router({ columns }).plan(shape)[0]?.project;
    const bytes = new Uint8Array([0, 255]);
    expect(project?.(["10.500", "ab   ", bytes])?.slice(0, 3)).toEqual([
      hmac("10.5"),
      hmac("ab"),
      hmac(bytes),
    ]);
    expect(project?.(["100", "ab", bytes])?.slice(0, 3)).toEqual([
      hmac("100"),
      hmac("ab"),
      hmac(bytes),
    ]);
    expect(project?.(["1.00", "ab", bytes])?.[0]).toBe(hmac("1"));
    const spelled = (i: string, f: string) => project?.(["1", "ab", bytes, i, f])?.slice(3);
    expect(spelled("1 day", "0")).toEqual(spelled("24:00:00", "-0"));
    expect(spelled("1 day", "0")).not.toEqual(spelled("24:00:01", "1"));
  });

  it("refuses to hash a key of jsonb, whose texts no server can be asked for", () => {
    const shape = shapeOf("public.t", { j: { kind: "jsonb" }, k: { kind: "jsonb" } }, [0]);
    const plan = (column: string): unknown =>
      router({
        columns: [{ sourceTable: "public.t", hash: { columns: [column], key: "secret" } }],
      }).plan(shape);
    expect(() => plan("j")).toThrow(/MR_TRANSFORM_REFUSED.*"j".*cannot be hashed/);
    expect(() => plan("k")).not.toThrow();
  });

  it("refuses to leave out or to mask a key column", () => {
    const plan = (rule: Partial<ColumnRule>): unknown =>
      router({ columns: [{ sourceTable: "public.users", ...rule }] }).plan(users);
    expect(() => plan({ exclude: ["id"] })).toThrow(/MR_TRANSFORM_REFUSED.*"id".*left out/);
    expect(() => plan({ mask: { columns: ["id"], text: "" } })).toThrow(/"id".*can be hashed/);
  });

  it("applies every matching rule, leaving out before hiding", () => {
    const columns = [
      { sourceTable: String.raw`public.\.*`, mask: { columns: ["note", "phone"], text: "-" } },
      { sourceTable: "public.users", exclude: ["note"] },
      { sourceTable: "public.users", mask: { columns: ["note"], text: "-" } },
    ];
    const [plan] = router({ columns }).plan(users);
    expect(plan?.treatments.map(({ kind }) => kind)).toEqual([
      "keep",
      "keep",
      "mask",
      "keep",
      "exclude",
    ]);
  });

  it("refuses two rules that hide one column differently", () => {
    const columns = [hide, { sourceTable: "public.users", mask: { columns: ["email"], text: "" } }];
    expect(() => router({ columns }).plan(users)).toThrow(/"email".*disagree/);
  });

  it("stops when a hidden column gets a name that no rule hides, and goes on when one does", () => {
    const renamed = shapeOf("public.users", { id: text, mail: text }, [0], [1, 2]);
    const strict = router({ columns: [hide] });
    strict.plan(users);
    expect(() => strict.plan(renamed)).toThrow(/"mail".*"email"/);
    const mended = router({
      columns: [hide, { sourceTable: "public.users", hash: { columns: ["mail"], key: "secret" } }],
    });
    mended.plan(users);
    expect(mended.plan(renamed)[0]?.treatments[1]?.kind).toBe("hash");
  });
});
