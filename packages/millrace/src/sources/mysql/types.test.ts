import { describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import { logicalType, parseColumnType, type TypeOptions } from "./types.ts";

const PLAIN: TypeOptions = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" };

function typeOf(text: string, options: Partial<TypeOptions> = {}): LogicalType {
  const type = parseColumnType(text);
  if (type === null) throw new Error(`no type: ${text}`);
  return logicalType(type, { ...PLAIN, ...options });
}

describe("types of MySQL", () => {
  it("are taken apart", () => {
    expect(parseColumnType("int(5) unsigned zerofill")).toEqual({
      base: "int",
      numbers: [5],
      labels: [],
      unsigned: true,
      charset: null,
    });
    expect(parseColumnType("decimal(10,2)")?.numbers).toEqual([10, 2]);
    expect(parseColumnType("varchar(20) character set latin1")?.charset).toBe("latin1");
    expect(parseColumnType("varchar(100) /*M!100301 COMPRESSED*/ character set utf8mb4")).toEqual({
      base: "varchar",
      numbers: [100],
      labels: [],
      unsigned: false,
      charset: "utf8mb4",
    });
    expect(parseColumnType("'")).toBeNull();
  });

  it("have labels with quotes, commas, parentheses and escapes in them", () => {
    const type = parseColumnType("enum('a''b','c\\\\d,e','(x) unsigned','') character set utf8mb4");
    expect(type?.labels).toEqual(["a'b", "c\\d,e", "(x) unsigned", ""]);
    expect(type?.unsigned).toBe(false);
    expect(type?.charset).toBe("utf8mb4");
  });

  it.each<[string, LogicalType]>([
    ["tinyint(1)", { kind: "int", bits: 8 }],
    ["bigint(20) unsigned", { kind: "int", bits: 64, unsigned: true }],
    ["bit(1)", { kind: "boolean" }],
    ["bit(9)", { kind: "bytes", maxBytes: 2 }],
    ["year(4)", { kind: "int", bits: 16 }],
    ["decimal(65,30)", { kind: "decimal", precision: 65, scale: 30 }],
    ["char(3) character set utf8mb4", { kind: "text", maxChars: 3 }],
    ["timestamp(6)", { kind: "timestamptz", precision: 6 }],
    ["datetime", { kind: "timestamp", precision: 0 }],
    ["time(3)", { kind: "time", precision: 3 }],
    ["geometrycollection", { kind: "json" }],
    ["uuid", { kind: "uuid" }],
    ["inet6", { kind: "other", name: "inet6" }],
  ])("%s has its logical type", (text, expected) => {
    expect(typeOf(text)).toEqual(expected);
  });

  it("follow the options", () => {
    expect(typeOf("tinyint(1)", { tinyint1AsBoolean: true })).toEqual({ kind: "boolean" });
    expect(typeOf("tinyint(4)", { tinyint1AsBoolean: true })).toEqual({ kind: "int", bits: 8 });
    expect(typeOf("time(3)", { timeAsInterval: true })).toEqual({ kind: "interval" });
    expect(typeOf("point", { geometry: "wkb" })).toEqual({ kind: "bytes", maxBytes: null });
  });
});
