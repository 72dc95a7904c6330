import { describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import { type Column, tableId, type TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { firstShape, grownShape, KnownTables } from "./known-tables.ts";
import { fitRows } from "./row-fit.ts";

const INT: LogicalType = { kind: "int", bits: 64 };
const TEXT: LogicalType = { kind: "text", maxChars: null };

function shape(columns: readonly (readonly [string, LogicalType])[], key = [0]): TableShape {
  const made = columns.map(([name, type]): Column => ({
    name,
    type,
    sourceType: type.kind,
    nullable: false,
    ordinal: null,
  }));
  const id = tableId("s", "t");
  return { id, schema: "s", name: "t", identity: "", columns: made, key };
}

function known(table: TableShape): KnownTables {
  return new KnownTables(new Map([[table.id, table]]), new Map(), 1_000);
}

describe("tables that messages tell of", () => {
  const table = shape([
    ["id", INT],
    ["a", TEXT],
  ]);

  it("are new until the pipeline has them", () => {
    const told = new KnownTables(new Map(), new Map(), 1).look(table);
    expect(told).toEqual({ kind: "new", shape: table });
  });

  it("grow by columns that come, which older rows do not have, and never shrink", () => {
    const tables = known(table);
    const wider = shape([
      ["id", INT],
      ["b", INT],
    ]);
    const told = tables.look(wider);
    if (told.kind !== "grown") throw new Error(told.kind);
    expect(told.shape.columns.map(({ name, nullable }) => [name, nullable])).toEqual([
      ["id", false],
      ["a", false],
      ["b", true],
    ]);
    tables.take(told.shape);
    const rows = tables.look(wider);
    if (rows.kind !== "rows") throw new Error(rows.kind);
    expect(rows.fit.row(["1", "5"], null)).toEqual(["1", null, "5"]);
    expect(rows.fit.row(["1", "5"], UNCHANGED)).toEqual(["1", UNCHANGED, "5"]);
    expect(grownShape(told.shape, table)).toBeNull();
  });

  it("refuse another key, unless the file names the key", () => {
    const rekeyed = shape(
      [
        ["id", INT],
        ["a", TEXT],
      ],
      [1],
    );
    expect(() => known(table).look(rekeyed)).toThrow("MR_SCHEMA_CHANGE_REFUSED");
    const keys = new Map([["s.t", ["id"]]]);
    const tables = new KnownTables(new Map([[table.id, table]]), keys, 1_000);
    expect(tables.look(rekeyed).kind).toBe("rows");
  });

  it("have the key that the file names, which has to be among their columns", () => {
    expect(firstShape(table, new Map([["s.t", ["a"]]])).key).toEqual([1]);
    expect(() => firstShape(table, new Map([["s.t", ["no"]]]))).toThrow("MR_SOURCE_REFUSED");
  });
});

describe("rows of messages", () => {
  it("keep the column's type: other values go as text, bytes are refused", () => {
    const table = shape([
      ["id", INT],
      ["a", TEXT],
    ]);
    const flags = shape([
      ["id", INT],
      ["a", { kind: "boolean" }],
    ]);
    expect(fitRows(flags, table, 100).row(["1", true], null)).toEqual(["1", "true"]);
    const bytes = shape([
      ["id", INT],
      ["a", { kind: "bytes", maxBytes: null }],
    ]);
    expect(() => fitRows(bytes, table, 100)).toThrow("MR_SCHEMA_CHANGE_REFUSED");
  });

  it("carry only the size of what the sink could never take", () => {
    const table = shape([
      ["id", INT],
      ["a", TEXT],
    ]);
    const fit = fitRows(table, table, 3);
    const row = ["1", "ab"];
    expect(fit.row(row, null)).toBe(row);
    const [, large] = fit.row(["1", "abcd"], null);
    expect(large).toBeInstanceOf(Skimmed);
  });
});
