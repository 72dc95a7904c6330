import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Value } from "../../model/value.ts";
import type { RowEventKind } from "./event-types.ts";
import { RECORDED } from "./recorded-rows.fixture.ts";
import { recordedRows } from "./recorded-shape.fixture.ts";
import { shown } from "./read-rows.fixture.ts";
import { RowDecoder } from "./row-decoder.ts";
import { planRow, type RowPlan } from "./row-plan.ts";
import { decodeTableMap, tableIdOf } from "./table-map.ts";

const VALUES = { zeroDatesAreNull: false };
interface Decoded {
  readonly before: Value[] | null;
  readonly after: Value[] | null;
}

function decode(
  plan: RowPlan,
  kind: RowEventKind,
  body: Buffer,
  start = 0,
  end = body.length,
): Decoded[] {
  const decoder = new RowDecoder(1 << 20);
  const rows: Decoded[] = [];
  decoder.begin(body, kind, plan, start, end);
  while (decoder.next()) rows.push({ before: decoder.before, after: decoder.after });
  return rows;
}

const FIRST = [
  "18446744073709551615",
  -5,
  16_777_215,
  "-1234567890123456.0700",
  "3.14",
  "-0.1",
  2026,
  "2026-11-21",
  "-12:34:56.5",
  "2026-11-21 10:00:00.123456",
  "2026-11-21 10:00:00.12+00",
  true,
  "x0101",
  "ö",
  "x,z",
  "Grüße",
  "漢字",
  "x01020000",
  "x00ff",
  '{"type": "Point", "coordinates": [1.0, 2.5]}',
];
const OWN = {
  mysql: ['{"a": [1, -70000, 2.5, "ü\\"q"], "n": null, "big": 18446744073709551615}', "[1.5, -2]"],
  mariadb: ["ab".repeat(50), "8fc0efc9-fdd6-4e2a-a272-5e956a2189d4"],
} as const;

describe.each(["mysql", "mariadb"] as const)("rows as %s wrote them", (flavor) => {
  const { map, shape, plan, rows } = recordedRows(flavor);
  const first = [...FIRST, ...OWN[flavor]];
  const second = first.with(3, "0.0000").with(15, "ascii");

  it("are decoded to the canonical forms", () => {
    const decoded = rows.flatMap(({ kind, body }) => decode(plan, kind, body));
    const last = flavor === "mysql" ? second.with(20, OWN.mysql[0].replace("[1,", "[2,")) : second;
    const seen = decoded.map(({ before, after }) => [before?.map(shown), after?.map(shown)]);
    const expected = [
      [undefined, first],
      [undefined, [1, ...Array.from({ length: 21 }, () => null)]],
      [first, second],
      ...(flavor === "mysql" ? [[second, last]] : []),
      [last, undefined],
    ];
    expect(seen).toEqual(expected);
  });

  it("share the values that an update left alone", () => {
    const update = rows[1];
    if (update === undefined) throw new Error("no update");
    const [row] = decode(plan, update.kind, update.body);
    expect(row?.after?.[18]).toBe(row?.before?.[18]);
  });

  it("are known by the table's id", () => {
    for (const { body } of rows) expect(tableIdOf(body, 0, body.length)).toBe(map.tableId);
    expect(() => tableIdOf(Buffer.alloc(20), 0, 7)).toThrow(MillraceError);
  });

  it("never fit a shape of other columns", () => {
    const retyped = (name: string, sourceType: string): RowPlan | null =>
      planRow(
        map,
        {
          ...shape,
          columns: shape.columns.map((column) =>
            column.name === name ? { ...column, sourceType } : column,
          ),
        },
        VALUES,
      );
    expect(retyped("n", "decimal(20,4)")).not.toBeNull();
    expect(retyped("vc", "varchar(90) character set utf8mb4")).not.toBeNull();
    for (const [name, type] of [
      ["n", "decimal(20,5)"],
      ["id", "bigint"],
      ["i8", "smallint"],
      ["ti", "time(2)"],
      ["e", "enum('a','b') character set utf8mb4"],
      ["e", "enum('a','ö','c') character set utf8mb4"],
      ["vc", "varchar(40) character set latin1"],
      ["vc", "varbinary(40)"],
      ["bl", "mediumblob"],
      ["b9", "bit(8)"],
      ["da", "datetime"],
    ] as const)
      expect(retyped(name, type), type).toBeNull();
    const [id, ...others] = shape.columns;
    if (id === undefined) throw new Error("no column");
    expect(
      planRow(map, { ...shape, columns: [{ ...id, name: "other" }, ...others] }, VALUES),
    ).toBeNull();
    expect(planRow(map, { ...shape, columns: [...shape.columns, id] }, VALUES)).toBeNull();
    expect(planRow(map, { ...shape, columns: shape.columns.slice(0, -1) }, VALUES)).toBeNull();
  });

  it("end in MR_SOURCE_PROTOCOL where bytes are not theirs, and in nothing else", () => {
    fc.assert(
      fc.property(
        fc.nat(rows.length - 1),
        fc.array(fc.tuple(fc.nat(5_000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        fc.nat(5_000),
        (which, changes, cuts, cut) => {
          const event = rows[which];
          if (event === undefined) return;
          const body = Buffer.from(event.body);
          for (const [at, value] of changes) body[at % body.length] = value;
          onlyProtocolErrors(() =>
            decode(plan, event.kind, body, 0, cuts === 0 ? cut % body.length : body.length),
          );
        },
      ),
    );
  });

  it("are not looked for behind the end of their event", () => {
    for (const { kind, body } of rows) {
      for (let end = 0; end < body.length; end += 1) {
        const outcome = (filler: number): unknown => {
          const padded = Buffer.concat([
            Buffer.alloc(3, filler),
            body.subarray(0, end),
            Buffer.alloc(300, filler),
          ]);
          return onlyProtocolErrors(() => decode(plan, kind, padded, 3, 3 + end));
        };
        expect(outcome(0)).toEqual(outcome(0xff));
      }
    }
  });

  it("have table maps that end in MR_SOURCE_PROTOCOL where bytes are not theirs", () => {
    const body = Buffer.from(RECORDED[flavor].events[0]?.[1] ?? "", "hex");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(body.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(body.length),
        (changes, end) => {
          const changed = Buffer.from(body);
          for (const [at, value] of changes) changed[at] = value;
          onlyProtocolErrors(() => planRow(decodeTableMap(changed, 0, end, flavor), shape, VALUES));
        },
      ),
    );
  });
});

/** What the work gives, or the error that bytes may cause. */
function onlyProtocolErrors(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof MillraceError && error.code === "MR_SOURCE_PROTOCOL") return error.message;
    throw error;
  }
}
