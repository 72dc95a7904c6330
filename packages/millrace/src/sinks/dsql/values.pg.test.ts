import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import type { Row, Value } from "../../model/value.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

/** A type, values in canonical form, and how the server prints them where that differs. */
const TYPES: readonly (readonly [
  name: string,
  type: LogicalType,
  values: readonly (readonly [Value, string?])[],
])[] = [
  [
    "boolean",
    { kind: "boolean" },
    [
      [true, "t"],
      [false, "f"],
    ],
  ],
  ["smallint", { kind: "int", bits: 16 }, [["-32768"], ["32767"]]],
  [
    "bigint",
    { kind: "int", bits: 64 },
    [["-9223372036854775808"], ["9223372036854775807"], [12n, "12"]],
  ],
  ["unsigned bigint", { kind: "int", bits: 64, unsigned: true }, [["18446744073709551615"]]],
  [
    "real",
    { kind: "float", bits: 32 },
    [["1.1"], ["NaN"], ["-Infinity"], ["3.4028235e+38"], ["-0"]],
  ],
  [
    "double",
    { kind: "float", bits: 64 },
    [["0.1"], ["5e-324"], ["Infinity"], ["1.7976931348623157e+308"]],
  ],
  [
    "numeric(10,2)",
    { kind: "decimal", precision: 10, scale: 2 },
    [["-99999999.99"], ["0.10"], ["NaN"]],
  ],
  [
    "text",
    { kind: "text", maxChars: null },
    [[""], ["NULL"], ["a\\b\"c'd,{e}\n\t"], ["漢字 😀 é"], ["  padded  "]],
  ],
  ["char(5)", { kind: "text", maxChars: 5, fixed: true }, [["ab   "], ["     "]]],
  [
    "bytea",
    { kind: "bytes", maxBytes: null },
    [
      [Uint8Array.of(0, 1, 92, 34, 255), "\\x00015c22ff"],
      [Uint8Array.of(), "\\x"],
    ],
  ],
  ["date", { kind: "date" }, [["2026-11-21"], ["infinity"], ["0044-03-15 BC"], ["5874897-12-31"]]],
  ["time", { kind: "time", precision: 6 }, [["23:59:59.999999"], ["24:00:00"]]],
  ["time(0)", { kind: "time", precision: 0 }, [["12:34:56"]]],
  ["timetz", { kind: "timetz", precision: 6 }, [["12:00:00.5+05:30"], ["00:00:00-15:59"]]],
  [
    "timestamp",
    { kind: "timestamp", precision: 6 },
    [["2026-11-21 10:11:12.123456"], ["-infinity"], ["0001-01-01 00:00:00 BC"]],
  ],
  [
    "timestamptz(3)",
    { kind: "timestamptz", precision: 3 },
    [["2026-11-21 10:11:12.123+00"], ["infinity"]],
  ],
  [
    "interval",
    { kind: "interval" },
    [["1 year 2 mons -3 days +04:05:06.789"], ["-00:00:01"], ["00:00:00"]],
  ],
  ["uuid", { kind: "uuid" }, [["0b0e1f9a-0000-4000-8000-0123456789ab"]]],
  ["json", { kind: "json" }, [['{"b" : 1,  "a": [1, 2], "b": 2}'], ["null"]]],
  ["jsonb", { kind: "jsonb" }, [['{"a": [1, 2.50], "b": "x\\"y"}'], ["null"]]],
  ["other", { kind: "other", name: "int4range" }, [["[1,5)"], ["empty"]]],
];

/** How often the values are written at once, besides: more rows than go by statements where COPY is to be had. */
const COPIES = 9;

describe.each(SINK_SERVERS)("values on $name", ({ start }) => {
  let server: SinkServer;
  let sink: SqlSink;
  let number = 0;

  beforeAll(async () => {
    server = await start();
  });
  beforeEach(async () => {
    // A sink is one process to its task, and takes over no other one's (I5).
    sink = server.sink();
    await sink.open();
  });
  afterEach(() => sink.close());
  afterAll(() => server.stop());

  /**
   * Writes values into a column of a fresh table and answers what the server prints: a few by statements, then many
   * copies of them at once, which must come to the same.
   */
  async function written(type: LogicalType, values: readonly Value[]): Promise<(string | null)[]> {
    const name = `v${++number}`;
    const table = sink.mapTable(shapeOf(name, { id: BIGINT, v: type }), { schema: "public", name });
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    const rows = Array.from({ length: values.length * COPIES }, (_, i): Row => {
      return [String(i), values[i % values.length] ?? null];
    });
    const few = rows.slice(0, values.length);
    await send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows: few }]));
    const fresh = { kind: "upsert", table, rows: rows.slice(values.length), fresh: true } as const;
    await send(sink, commitOf(fence, 1, [fresh]));
    const found = await server.query(`SELECT v FROM ${name} ORDER BY id`);
    const printed = found.map((row) => row["v"] ?? null);
    for (let at = values.length; at < rows.length; at += values.length)
      expect(printed.slice(at, at + values.length)).toEqual(printed.slice(0, values.length));
    return printed.slice(0, values.length);
  }

  it.each(TYPES)("%s are kept as they are, and so is NULL", async (_, type, values) => {
    const printed = await written(type, [...values.map(([value]) => value), null]);
    expect(printed).toEqual([...values.map(([value, text]) => text ?? value), null]);
  });

  it("numerics without precision are kept, or refused before they are rounded", async () => {
    const type: LogicalType = { kind: "decimal", precision: null, scale: null };
    const digits = "12345678901234567890123456789012345678";
    const values = [`${digits}.${digits}`, "0.00000000000000000000000000000000000001", "NaN"];
    expect(await written(type, values)).toEqual(values);
    const column = sink.mapTable(shapeOf("x", { id: BIGINT, v: type }), { schema: "s", name: "x" })
      .columns[1];
    const refusal = column?.refuse?.(`${digits}9`) ?? null;
    expect(refusal === null).toBe(server.profile.bareNumeric === "numeric");
  });

  it("numerics without precision are text where that is wanted", async () => {
    const asText = server.sink({ unconstrainedNumeric: "text" });
    const type: LogicalType = { kind: "decimal", precision: null, scale: null };
    const table = asText.mapTable(shapeOf("x", { id: BIGINT, v: type }), {
      schema: "s",
      name: "x",
    });
    expect(table.columns[1]).toMatchObject({ type: "text", nullable: true });
    expect(table.columns[1]?.refuse).toBeUndefined();
    await asText.close();
  });

  it.each<[LogicalType, string]>([
    [{ kind: "int", bits: 16 }, "32768"],
    [{ kind: "decimal", precision: 4, scale: 2 }, "100.00"],
    [{ kind: "date" }, "2026-02-30"],
    [{ kind: "uuid" }, "nonsense"],
    [{ kind: "json" }, "{"],
    [{ kind: "text", maxChars: null }, "a\0b"],
  ])("%o refuses %j as a row", async (type, value) => {
    await expect(written(type, ["0", value])).rejects.toMatchObject({ class: "row" });
  });

  it.each<[LogicalType, Value, string]>([
    [{ kind: "int", bits: 16 }, "7", "32768"],
    [{ kind: "uuid" }, "0b0e1f9a-0000-4000-8000-0123456789ab", "nonsense"],
    [{ kind: "text", maxChars: null }, "fine", "a\0b"],
  ])("%o refuses %j among many rows, and says none of them", async (type, good, bad) => {
    const name = `v${++number}`;
    const table = sink.mapTable(shapeOf(name, { id: BIGINT, v: type }), { schema: "public", name });
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    const rows = Array.from({ length: 200 }, (_, i): Row => [String(i), i === 150 ? bad : good]);
    for (const write of [
      { kind: "upsert", table, rows, fresh: true },
      { kind: "upsert", table, rows },
    ] as const) {
      const refused = await send(sink, commitOf(fence, 0, [write])).catch(
        (error: unknown) => error,
      );
      expect(refused).toMatchObject({ class: "row", facts: { write: 0 } });
      expect(String(refused)).not.toContain(bad);
    }
    expect(await server.query(`SELECT FROM ${name}`)).toEqual([]);
  });
});
