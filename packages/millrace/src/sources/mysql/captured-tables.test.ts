import { describe, expect, it } from "vitest";
import type { LogItem, ShapeChange } from "../../model/change.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import { CapturedTables, type CapturedTablesOptions } from "./captured-tables.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { boundary, type LogGroup, type LogPosition, ordinal, Slot } from "./position.ts";
import { StatementReader } from "./statement-reader.ts";
import { ColumnCode, type TableMap } from "./table-map.ts";

const ID = tableId("d", "t");
const OTHER = tableId("d", "u");
const MAP: TableMap = {
  tableId: 1,
  schema: "d",
  table: "t",
  columns: [
    {
      code: ColumnCode.LONG,
      meta: 0,
      name: "id",
      unsigned: false,
      charset: null,
      labels: null,
    },
  ],
  flavor: "mysql",
};

/** Of the catalogue: nobody knows since when rows have it. */
function unplaced(id: TableId): MysqlShape {
  return {
    id,
    schema: "d",
    name: id === ID ? "t" : "u",
    identity: id,
    columns: [
      {
        name: "id",
        type: { kind: "int", bits: 32 },
        sourceType: "int",
        nullable: false,
        ordinal: 1,
      },
    ],
    key: [0],
    facts: { charset: "utf8mb4", autoIncrement: null, nextOrdinal: 2 },
  };
}

function groupAt(at: number, era = 1): LogGroup {
  return { file: 1, at, era, n: at / 100, hash: 0 };
}

function toldAt(at: number, count = 1): LogPosition {
  return [groupAt(at), 0, ordinal(count, Slot.SHAPE)];
}

/** A log that begins, whose catalogue holds from offset 500 on. */
async function begun(
  from: LogPosition,
  shapes: readonly TableShape[],
  more: Partial<CapturedTablesOptions> = {},
): Promise<CapturedTables> {
  const tables = new CapturedTables({
    tables: new Map(shapes.map((shape) => [shape.id, shape])),
    adopted: new Set(),
    paused: new Set(),
    ahead: [],
    values: { zeroDatesAreNull: false },
    statements: new StatementReader(
      {
        version: { flavor: "mysql", major: 9, minor: 7, text: "9.7.4" },
        lowerCaseNames: false,
        logsCascades: true,
        explicitTimestamps: true,
      },
      { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" },
      { onlineSchemaChanges: false, ignoredDatabases: [] },
    ),
    unloggedCascades: "refuse",
    readCatalogue: (names) =>
      Promise.resolve(
        new Map(
          names.map(({ schema, name }) => {
            const id = tableId(schema, name);
            return [id, { shape: unplaced(id), end: { file: 1, at: 500 } }];
          }),
        ),
      ),
    assumesCatalogue: false,
    ...more,
  });
  await tables.begin(from);
  return tables;
}

const refuses: Partial<CapturedTablesOptions> = {
  readCatalogue: () => Promise.reject(new Error("the catalogue is asked again")),
};

/** The shapes that are told. */
function shapesOf(items: readonly LogItem[]): readonly ShapeChange[] {
  return items.flatMap((item) => (item.kind === "shape" ? [item] : []));
}

describe("a table whose shape is asked for where MySQL's log is opened", () => {
  it("is told at once and is loaded, though rows are left out up to the place of its shape", async () => {
    const tables = await begun(boundary(groupAt(100)), [unplaced(ID)]);
    const [told] = shapesOf(tables.reached(groupAt(100)));
    expect(told).toMatchObject({ rows: "moved", keep: true, rewritten: ["id"] });
    expect(told?.position).toEqual(toldAt(100));
    expect(tables.planOf(MAP)).toBeNull();
    expect(tables.behind).toEqual({ file: 1, at: 500 });
    expect(tables.reached(groupAt(400))).toEqual([]);
    expect(tables.planOf(MAP)).toBeNull();
    expect(tables.reached(groupAt(500))).toEqual([]);
    expect(tables.planOf(MAP)).not.toBeNull();
  });

  it("is not asked for again by who begins behind that, so that nothing else is left out", async () => {
    const first = await begun(boundary(groupAt(100)), [unplaced(ID)]);
    const [told] = shapesOf(first.reached(groupAt(100)));
    if (told === undefined) throw new Error("nothing was told");
    const again = await begun(toldAt(100), [told.shape], refuses);
    expect(again.reached(groupAt(400))).toEqual([]);
    expect(again.planOf(MAP)).toBeNull();
    again.reached(groupAt(500));
    expect(again.planOf(MAP)).not.toBeNull();
  });

  it("is told behind all that lanes have passed: they would not hear of it before", async () => {
    const ahead = [[groupAt(300), 2, 3], boundary(groupAt(200))] as const;
    const tables = await begun(boundary(groupAt(100)), [unplaced(ID)], { ahead });
    expect(tables.reached(groupAt(200))).toEqual([]);
    expect(tables.reached(groupAt(300))).toEqual([]);
    expect(tables.reached(groupAt(400)).map(({ position }) => position)).toEqual([toldAt(400)]);
  });

  it("is told behind the group that the log begins in", async () => {
    const tables = await begun([groupAt(100), 3, 3], [unplaced(ID)]);
    expect(tables.reached(groupAt(100))).toEqual([]);
    expect(shapesOf(tables.reached(groupAt(200)))).toHaveLength(1);
  });

  it("is loaded where nothing is left out any more: a run before this one may have", async () => {
    const tables = await begun(boundary(groupAt(500)), [unplaced(ID)]);
    expect(shapesOf(tables.reached(groupAt(500)))).toMatchObject([{ rows: "moved", keep: true }]);
  });

  it("has a position of its own beside others, also behind those that an earlier run was told there", async () => {
    const tables = await begun(toldAt(100, 2), [unplaced(OTHER), unplaced(ID)]);
    const told = tables.reached(groupAt(100));
    expect(told.map(({ position }) => position)).toEqual([toldAt(100, 3), toldAt(100, 4)]);
  });

  it("that is gone is told to be dropped", async () => {
    const end = { file: 1, at: 500 };
    const tables = await begun(boundary(groupAt(100)), [unplaced(ID)], {
      readCatalogue: () => Promise.resolve(new Map([[ID, { shape: null, end }]])),
    });
    expect(tables.reached(groupAt(100))).toMatchObject([{ kind: "dropped", table: ID }]);
    expect(tables.planOf(MAP)).toBeNull();
  });

  it("is told its place alone where its rows are decoded all the same, in a log that begins in the past", async () => {
    const more = { assumesCatalogue: true };
    const tables = await begun(boundary(groupAt(100)), [unplaced(ID)], more);
    expect(tables.planOf(MAP)).not.toBeNull();
    expect(tables.reached(groupAt(400))).toEqual([]);
    const [told] = shapesOf(tables.reached(groupAt(500)));
    expect([told?.rows, told?.rewritten]).toEqual([undefined, []]);
  });
});
