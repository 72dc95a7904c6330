import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { refuseDecimal } from "./decimal-fit.ts";
import { DSQL, POSTGRES } from "./profile.ts";
import { shapeOf, TEXT } from "./sink-servers.fixture.ts";
import { mapTargetTable } from "./table-mapping.ts";
import { mapType, ownMapper, type SchemaMapper } from "./type-mapping.ts";

const dsql = { profile: DSQL, unconstrainedNumeric: "numeric" } as const;
const postgres = { profile: POSTGRES, unconstrainedNumeric: "numeric" } as const;

describe("mapType", () => {
  it.each<[LogicalType, string]>([
    [{ kind: "boolean" }, "boolean"],
    [{ kind: "int", bits: 8 }, "smallint"],
    [{ kind: "int", bits: 8, unsigned: true }, "smallint"],
    [{ kind: "int", bits: 16 }, "smallint"],
    [{ kind: "int", bits: 16, unsigned: true }, "integer"],
    [{ kind: "int", bits: 24, unsigned: true }, "integer"],
    [{ kind: "int", bits: 32 }, "integer"],
    [{ kind: "int", bits: 32, unsigned: true }, "bigint"],
    [{ kind: "int", bits: 64 }, "bigint"],
    [{ kind: "int", bits: 64, unsigned: true }, "numeric(20,0)"],
    [{ kind: "float", bits: 32 }, "real"],
    [{ kind: "float", bits: 64 }, "double precision"],
    [{ kind: "decimal", precision: 10, scale: 2 }, "numeric(10,2)"],
    [{ kind: "decimal", precision: 2, scale: -3 }, "numeric(2,-3)"],
    [{ kind: "text", maxChars: 10 }, "text"],
    [{ kind: "text", maxChars: 10, fixed: true }, "text"],
    [{ kind: "bytes", maxBytes: null }, "bytea"],
    [{ kind: "date" }, "date"],
    [{ kind: "time", precision: 6 }, "time"],
    [{ kind: "timestamp", precision: 3 }, "timestamp(3)"],
    [{ kind: "timestamptz", precision: 6 }, "timestamptz"],
    [{ kind: "timetz", precision: 0 }, "timetz(0)"],
    [{ kind: "interval" }, "interval"],
    [{ kind: "uuid" }, "uuid"],
    [{ kind: "json" }, "json"],
    [{ kind: "jsonb" }, "jsonb"],
    [{ kind: "other", name: "int4range" }, "text"],
  ])("%o is %s on both", (type, wanted) => {
    expect([mapType(type, dsql).type, mapType(type, postgres).type]).toEqual([wanted, wanted]);
    expect(mapType(type, dsql).refuse).toBeUndefined();
  });

  it("keeps a numeric without precision where the server does, else makes it wide or text", () => {
    const type: LogicalType = { kind: "decimal", precision: null, scale: null };
    expect(mapType(type, postgres)).toEqual({ type: "numeric" });
    expect(mapType(type, { ...dsql, unconstrainedNumeric: "text" })).toEqual({ type: "text" });
    const wide = mapType(type, dsql);
    expect(wide.type).toBe("numeric(76,38)");
    expect(wide.refuse?.("1.5")).toBeNull();
  });
});

describe("a wide numeric", () => {
  const refuse = refuseDecimal(76, 38);
  const nines = (n: number) => "9".repeat(n);

  it.each([
    "0",
    "-1.50",
    "NaN",
    "000.000",
    nines(38),
    `-${nines(38)}.${nines(38)}`,
    `0.${nines(38)}000`,
    `000${nines(38)}`,
  ])("holds %s", (value) => {
    expect(refuse(value)).toBeNull();
  });

  it.each([
    [nines(39), "38 digits before the point"],
    [`0.${nines(39)}`, "38 digits after the point"],
    ["Infinity", "no infinity"],
    ["-Infinity", "no infinity"],
  ])("would round or refuse %s", (value, reason) => {
    expect(refuse(value)).toContain(reason);
  });
});

describe("mapTargetTable", () => {
  it("makes only key columns NOT NULL and gives a table without key one in front", () => {
    const shape = shapeOf("t", { id: { kind: "uuid" }, v: TEXT });
    const keyed = mapTargetTable(shape, { schema: "s", name: "n" }, dsql);
    expect(keyed.columns.map((column) => [column.name, column.nullable])).toEqual([
      ["id", false],
      ["v", true],
    ]);
    const loose = mapTargetTable({ ...shape, key: [] }, { schema: "s", name: "n" }, dsql);
    expect(loose.columns.map((column) => [column.name, column.nullable])).toEqual([
      ["_millrace_key", false],
      ["id", true],
      ["v", true],
    ]);
    expect([loose.key, loose.keyless, loose.id]).toEqual([[0], true, "s.n"]);
  });

  it("says what to do about a key that DSQL cannot hold, and about a column of our own name", () => {
    const remedyFor = (shape: ReturnType<typeof shapeOf>): unknown => {
      try {
        return mapTargetTable(shape, { schema: "s", name: "n" }, dsql);
      } catch (error) {
        return error instanceof MillraceError ? error.remedy : error;
      }
    };
    const bad = shapeOf("t", { doc: { kind: "jsonb" }, v: TEXT });
    expect(remedyFor(bad)).toMatch(
      /^Give the table a primary key without doc .*leave .*tables\.exclude.*DynamoDB/,
    );
    const taken = shapeOf("t", { id: { kind: "uuid" }, _millrace_key: TEXT });
    expect(remedyFor(taken)).toMatch(/^Rename that column at the source.*exclude-columns/);
  });

  it("names everything that DSQL cannot hold, at once", () => {
    const columns = {
      a: { kind: "bytes", maxBytes: null },
      b: { kind: "jsonb" },
      c: { kind: "interval" },
    } as const;
    const wide = Object.fromEntries(
      Array.from({ length: 260 }, (_, i) => [`c${i}`, TEXT] as const),
    );
    const map = () =>
      mapTargetTable(shapeOf("t", { ...columns, ...wide }, 9), { schema: "s", name: "n" }, dsql);
    expect(map).toThrow(
      /key column a is bytes.*key column b is jsonb.*key column c is interval.*9 columns; the sink takes 8.*263 columns/,
    );
    expect(map).toThrow(expect.objectContaining({ code: "MR_SINK_REFUSED", class: "config" }));
    expect(() =>
      mapTargetTable(shapeOf("t", columns, 1), { schema: "s", name: "n" }, postgres),
    ).not.toThrow();
  });

  it("takes no mapper's word for a key that would tell spellings of one value apart", () => {
    const mapper: SchemaMapper = {
      mapColumn: (column, isKey, options) => ({
        ...ownMapper.mapColumn(column, isKey, options),
        type: "text",
      }),
    };
    const map = (type: LogicalType) => () =>
      mapTargetTable(shapeOf("t", { a: type }), { schema: "s", name: "n" }, dsql, mapper);
    expect(map({ kind: "interval" })).toThrow(/key column a .* several texts; text would/);
    expect(map({ kind: "uuid" })).not.toThrow();
    expect(map({ kind: "decimal", precision: 10, scale: 2 })).not.toThrow();
  });
});
